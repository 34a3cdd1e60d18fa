BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'history','0001_readings','2026-11-29 18:40:44.857374+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'history','0002_flagged','2026-11-29 18:40:44.857592+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'history','0003_signals','2026-11-29 18:40:44.857749+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'history','0004_minutes','2026-11-29 18:40:44.857918+00:00');
CREATE TABLE batches (
            number INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, wall REAL NOT NULL, waiting INTEGER NOT NULL
        ) STRICT;
INSERT INTO "batches" VALUES(1,1,6,1777867371.0,0);
INSERT INTO "batches" VALUES(2,7,12,1777867401.0,0);
INSERT INTO "batches" VALUES(3,13,18,1777867431.0,0);
INSERT INTO "batches" VALUES(4,19,24,1777867461.0,0);
INSERT INTO "batches" VALUES(5,25,30,1777867491.0,1);
INSERT INTO "batches" VALUES(6,31,36,1777867521.0,1);
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
        ;
INSERT INTO "marks" VALUES('history','6060606060606060');
CREATE TABLE readings (
            row INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, value ANY NOT NULL, nth INTEGER NOT NULL,
            label TEXT NOT NULL, boot TEXT NOT NULL, mono REAL NOT NULL, wall REAL NOT NULL, clock TEXT NOT NULL
        , flagged INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "readings" VALUES(1,'door','contact_open',X'00',1,'','boot-1',1146.0,1777867346.0,'synchronised',0);
INSERT INTO "readings" VALUES(2,'door','contact_open',X'01',1,'','boot-1',1151.0,1777867351.0,'synchronised',0);
INSERT INTO "readings" VALUES(3,'door','contact_open',X'00',1,'','boot-1',1156.0,1777867356.0,'synchronised',0);
INSERT INTO "readings" VALUES(4,'door','contact_open',X'01',1,'','boot-1',1161.0,1777867361.0,'synchronised',0);
INSERT INTO "readings" VALUES(5,'window','temperature_c',20.0,1,'','boot-1',1166.0,1777867366.0,'synchronised',0);
INSERT INTO "readings" VALUES(6,'button','button','press',1,'','boot-1',1171.0,1777867371.0,'synchronised',1);
INSERT INTO "readings" VALUES(7,'door','contact_open',X'00',1,'','boot-1',1176.0,1777867376.0,'synchronised',0);
INSERT INTO "readings" VALUES(8,'door','contact_open',X'01',1,'','boot-1',1181.0,1777867381.0,'synchronised',0);
INSERT INTO "readings" VALUES(9,'door','contact_open',X'00',1,'','boot-1',1186.0,1777867386.0,'synchronised',0);
INSERT INTO "readings" VALUES(10,'door','contact_open',X'01',1,'','boot-1',1191.0,1777867391.0,'synchronised',0);
INSERT INTO "readings" VALUES(11,'window','temperature_c',21.0,1,'','boot-1',1196.0,1777867396.0,'synchronised',0);
INSERT INTO "readings" VALUES(12,'button','button','press',1,'','boot-1',1201.0,1777867401.0,'synchronised',1);
INSERT INTO "readings" VALUES(13,'door','contact_open',X'00',1,'','boot-1',1206.0,1777867406.0,'synchronised',0);
INSERT INTO "readings" VALUES(14,'door','contact_open',X'01',1,'','boot-1',1211.0,1777867411.0,'synchronised',0);
INSERT INTO "readings" VALUES(15,'door','contact_open',X'00',1,'','boot-1',1216.0,1777867416.0,'synchronised',0);
INSERT INTO "readings" VALUES(16,'door','contact_open',X'01',1,'','boot-1',1221.0,1777867421.0,'synchronised',0);
INSERT INTO "readings" VALUES(17,'window','temperature_c',22.0,1,'','boot-1',1226.0,1777867426.0,'synchronised',0);
INSERT INTO "readings" VALUES(18,'button','button','press',1,'','boot-1',1231.0,1777867431.0,'synchronised',1);
INSERT INTO "readings" VALUES(19,'door','contact_open',X'00',1,'','boot-1',1236.0,1777867436.0,'synchronised',0);
INSERT INTO "readings" VALUES(20,'door','contact_open',X'01',1,'','boot-1',1241.0,1777867441.0,'synchronised',0);
INSERT INTO "readings" VALUES(21,'door','contact_open',X'00',1,'','boot-1',1246.0,1777867446.0,'synchronised',0);
INSERT INTO "readings" VALUES(22,'door','contact_open',X'01',1,'','boot-1',1251.0,1777867451.0,'synchronised',0);
INSERT INTO "readings" VALUES(23,'window','temperature_c',23.0,1,'','boot-1',1256.0,1777867456.0,'synchronised',0);
INSERT INTO "readings" VALUES(24,'button','button','press',1,'','boot-1',1261.0,1777867461.0,'synchronised',1);
INSERT INTO "readings" VALUES(25,'door','contact_open',X'00',1,'','boot-1',1266.0,1777867466.0,'synchronised',0);
INSERT INTO "readings" VALUES(26,'door','contact_open',X'01',1,'','boot-1',1271.0,1777867471.0,'synchronised',0);
INSERT INTO "readings" VALUES(27,'door','contact_open',X'00',1,'','boot-1',1276.0,1777867476.0,'synchronised',0);
INSERT INTO "readings" VALUES(28,'door','contact_open',X'01',1,'','boot-1',1281.0,1777867481.0,'synchronised',0);
INSERT INTO "readings" VALUES(29,'window','temperature_c',24.0,1,'','boot-1',1286.0,1777867486.0,'synchronised',0);
INSERT INTO "readings" VALUES(30,'button','button','press',1,'','boot-1',1291.0,1777867491.0,'synchronised',1);
INSERT INTO "readings" VALUES(31,'door','contact_open',X'00',1,'','boot-1',1296.0,1777867496.0,'synchronised',0);
INSERT INTO "readings" VALUES(32,'door','contact_open',X'01',1,'','boot-1',1301.0,1777867501.0,'synchronised',0);
INSERT INTO "readings" VALUES(33,'door','contact_open',X'00',1,'','boot-1',1306.0,1777867506.0,'synchronised',0);
INSERT INTO "readings" VALUES(34,'door','contact_open',X'01',1,'','boot-1',1311.0,1777867511.0,'synchronised',0);
INSERT INTO "readings" VALUES(35,'window','temperature_c',25.0,1,'','boot-1',1316.0,1777867516.0,'synchronised',0);
INSERT INTO "readings" VALUES(36,'button','button','press',1,'','boot-1',1321.0,1777867521.0,'synchronised',1);
CREATE TABLE signals (
            hour INTEGER NOT NULL, device TEXT NOT NULL, packets INTEGER NOT NULL, worst INTEGER NOT NULL, median INTEGER NOT NULL,
            battery REAL, minutes INTEGER, PRIMARY KEY (hour, device)
        ) STRICT, WITHOUT ROWID
        ;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX batches_waiting ON batches (number) WHERE waiting;
COMMIT;
