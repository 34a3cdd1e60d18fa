"""Passwords and passphrases: how many guesses one stands, and six words to offer.

The estimator is zxcvbn; to its English lists come the passwords, syllables and words that people
here choose first. It is loaded when somebody chooses a password, and only then: 13 MiB.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

# decimal digits of guesses: tried at the page, a few an hour; or on somebody's own machines, for
# years
ACCOUNT, SEALED = (8.0, 12.0)
WORDS = 6  # of a passphrase that is offered
_LOOKED_AT = 72  # characters: the estimator takes no more, and who types more has not been lazy


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


# What Chinese accounts have most, as published of the leaks of 2011 (CSDN, Tianya, Duduniu, 7k7k,
# 178.com) in Li, Han, Xu, "A Large-Scale Empirical Analysis of Chinese Web Passwords" (USENIX
# Security 2014) and Wang, Wang, He, Tian, "Birthday, Name and Bifacial-security" (USENIX Security
# 2019): digits that sound like words (5201314, 7758521), a letter and digits, pinyin of love and
# names. The order is ours.
CHINESE = _words(
    "123456 123456789 12345678 111111 5201314 123123 000000 a123456 123456a woaini1314 woaini520",
    "woaini521 woaini wo aini 1314 520 521 5211314 1314520 1314521 13145200 201314 5845201314",
    "520520 521521 584520 7758521 7758258 7788521 1123581321 31415926 qq123456 123456qq qq123123",
    "qq5201314 qq1314520 a5201314 5201314a 1qaz2wsx 1qazxsw2 1q2w3e4r 1q2w3e4r5t 1q2w3e q1w2e3",
    "q1w2e3r4 qwe123 123qwe qweasd 123qweasd qweasdzxc asd123 asdasd asdasd123 zxc123 zxc123456",
    "zxcvbnm123 qazwsx123 qwer1234 1234qwer abcd1234 abc123456 a123123 123123a a111111 111111a",
    "a000000 000000a aa123456 123456aa as123456 z123456 w123456 s123456 q123456 123456q a123456789",
    "123456789a asd123456 aaa123 123321 a123321 123654 147258 147258369 159357 159753 456852",
    "753951 112233 100200 110110 110120 11111111 00000000 88888888 66666666 12qwaszx 1a2b3c4d",
    "aptx4869 caonima caonima123 nihao nihao123 zhang123 wang123 chen123 yang123 love1314 aini1314",
    "aini520 iloveyou520 laopo laogong baobao baobei laoshi mima mimamima woshishui woshini",
    "buzhidao zhongguo beijing shanghai guangzhou shenzhen chengdu hangzhou taobao baidu weixin",
    "xiaomi huawei tianya woaiwojia jiayou haoren pingan fafafa ganxie xinnian kuaile shengri",
    "chunjie zhang wang chen yang zhao huang zhou liu xiaoming xiaohong xiaoli",
)
# Of this trade: what a technician sees on the box while he is asked.
TRADE = _words(
    "eldercare gateway raspberry raspberrypi admin technician supervisor platform backup",
    "passphrase password homegateway laoren yanglao wangguan jujia juijia beifen kouling jishuyuan",
    "pingtai guanliyuan jiankang huli",
)

# Syllables of Mandarin as they are typed, without tones. Two of them are a word of a passphrase.
SYLLABLES = _words(
    "ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu pa pai pan pang pao pei pen",
    "peng pi pian piao pie pin ping po pu ma mai man mang mao mei men meng mi mian miao mie min",
    "ming miu mo mou mu fa fan fang fei fen feng fo fou fu da dai dan dang dao de dei deng di dian",
    "diao die ding diu dong dou du duan dui dun duo ta tai tan tang tao te teng ti tian tiao tie",
    "ting tong tou tu tuan tui tun tuo na nai nan nang nao ne nei nen neng ni nian niang niao nie",
    "nin ning niu nong nu nuan nuo la lai lan lang lao le lei leng li lian liang liao lie lin ling",
    "liu long lou lu luan lun luo ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan",
    "guang gui gun guo ka kai kan kang kao ke ken keng kong kou ku kua kuai kuan kuang kui kun kuo",
    "ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian",
    "jiang jiao jie jin jing jiong jiu ju juan jue jun qi qia qian qiang qiao qie qin qing qiong",
    "qiu qu quan que qun xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue xun zha zhai",
    "zhan zhang zhao zhe zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo cha",
    "chai chan chang chao che chen cheng chi chong chou chu chuai chuan chuang chui chun chuo sha",
    "shai shan shang shao she shen sheng shi shou shu shua shuai shuan shuang shui shun shuo ran",
    "rang rao re ren reng ri rong rou ru ruan rui run ruo za zai zan zang zao ze zei zen zeng zi",
    "zong zou zu zuan zui zun zuo ca cai can cang cao ce cen ceng ci cong cou cu cuan cui cun cuo",
    "sa sai san sang sao se sen seng si song sou su suan sui sun suo ya yan yang yao ye yi yin",
    "ying yong you yu yuan yue yun wa wai wan wang wei wen weng wo wu",
)


def offered() -> str:
    """Return six words that nobody has chosen, each of two syllables: more than 100 bits."""
    return " ".join(secrets.choice(SYLLABLES) + secrets.choice(SYLLABLES) for _ in range(WORDS))


def digits(word: str, known: Iterable[str] = ()) -> float:
    """Return the decimal logarithm of the guesses that a password stands.

    `known`: what a guesser tries first, such as the name of the account.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415  large, and only asked where a password is set

    first = [*(name for name in known if name), *TRADE, *CHINESE]
    return float(zxcvbn(word[:_LOOKED_AT], user_inputs=first)["guesses_log10"])


def weak(word: str, least: float, known: Iterable[str] = ()) -> bool:
    """Say whether a password stands too few guesses."""
    return digits(word, known) < least
