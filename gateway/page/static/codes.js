// What the text of a scanned code means for a field: {values}, by id of a field ("into": the one beside the button), with what a person has to
// be asked first; {} where it holds several things that could be meant, or none for sure; null where it is another code.

const ADDRESS_OF = /(?:mac|bd[ _-]?addr|addr)(?:ess)?(?:[ _-]?(?:id|addr(?:ess)?))?["' ]*[:=#-]?["' ]*/gi;
const NUMBER_OF = /(?:s\/?n|p\/?n|serial|imei|imsi|iccid|ean|lot|batch|date|time)(?:[ _-]?(?:no|nr|id|number))?\.?["' ]*[:=#-]?["' ]*/gi;
const WRITTEN = /(^|[^0-9a-f])([0-9a-f]{2}(?:[:-][0-9a-f]{2})+)(?![:-]?[0-9a-f])/gi;
const BARE = /(^|[^0-9a-f])([0-9a-f]{12})(?![0-9a-f])/gi;
const CODE = /(?:^|[^a-z0-9])([a-z0-9]{5}-[a-z0-9]{5})(?![a-z0-9])/i;

// Returns [what stands before it, the address] of each.
function found(pattern, text) {
  const all = [];
  pattern.lastIndex = 0;
  for (let one = pattern.exec(text); one; one = pattern.exec(text)) {
    const digits = one[2].replace(/[:-]/g, "").toUpperCase();
    if (digits.length === 12) all.push([one[1], digits.match(/../g).join(":")]);
  }
  return all;
}

// One that is written as an address, or said to be one, is it. Twelve digits may as well be a serial number: they are taken only where there
// is nothing else.
function address(text) {
  const told = text.replace(ADDRESS_OF, " @").replace(NUMBER_OF, " $");
  const bare = found(BARE, told);
  const sure = new Set([...found(WRITTEN, told), ...bare.filter(([before]) => before === "@")].map(([, one]) => one));
  const maybe = new Set(bare.filter(([before]) => before !== "$").map(([, one]) => one));
  if (!sure.size && !bare.length) return null;
  const meant = sure.size ? sure : maybe;
  if (meant.size !== 1 || (!sure.size && bare.length > 1)) return {};
  return { values: { into: [...meant][0] } };
}

function json(text) {
  try {
    const all = JSON.parse(text);
    return all && typeof all === "object" ? all : {};
  } catch {
    return {};
  }
}

function platform(text) {
  const all = json(text);
  const parts = /^(mqtts?):\/\/([^/:@]+|\[[^\]]+\])(?::([0-9]{1,5}))?\/?$/.exec(typeof all.url === "string" ? all.url : text.trim());
  const web = typeof all.url === "string" && /^https:\/\/[^@\s]+$/.test(all.url); // a code that is only an address may be anybody's
  if (!parts && !web) return null;
  const tls = web || parts[1] === "mqtts";
  const values = web ? { "p-host": all.url, tls } : { "p-host": parts[2], "p-port": parts[3] || (tls ? "8883" : "1883"), tls };
  for (const name of ["username", "password", "ca"]) if (typeof all[name] === "string") values[`p-${name}`] = all[name];
  return { values, open: !tls, home: typeof all.household === "string" ? all.household.trim() : "" };
}

const one = (value) => (value ? { values: { into: value } } : null);

export const MEANT = {
  address,
  platform,
  key: (text) => one(/[0-9a-f]{16}/i.test(text) && text.slice(0, 4000)),
  code: (text) => one((CODE.exec(text) || ["", ""])[1].toUpperCase()),
  household: (text) => (typeof json(text).household === "string" ? { values: { into: json(text).household } } : null),
};
