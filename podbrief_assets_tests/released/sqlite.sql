BEGIN TRANSACTION;
CREATE TABLE delivery (
	subscriber_id VARCHAR(64) NOT NULL, 
	date DATE NOT NULL, 
	message_id VARCHAR(400) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	attempted_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	entries INTEGER NOT NULL, 
	detail TEXT, 
	run_id VARCHAR(64), 
	claimed_by VARCHAR(400) NOT NULL, 
	idempotent BOOLEAN NOT NULL, 
	CONSTRAINT pk_delivery PRIMARY KEY (subscriber_id, date), 
	CONSTRAINT ck_delivery_status CHECK (status IN ('claimed', 'delivered', 'refused', 'unknown', 'cancelled'))
);
INSERT INTO "delivery" VALUES('a1a1a1a1a1a1a1a1','2026-11-17','<20261117.a1a1a1a1a1a1a1a1@podbrief.invalid>','delivered','2026-11-18 08:00:00.123456','2026-11-18 08:00:00.123456',5,'2026-11-17/ann.eml','run-1','a-machine/7/1.00/abc',1);
INSERT INTO "delivery" VALUES('b2b2b2b2b2b2b2b2','2026-11-17','<20261117.b2b2b2b2b2b2b2b2@podbrief.invalid>','refused','2026-11-18 08:00:00.123456','2026-11-18 08:00:00.123456',3,'no such mailbox','run-1','a-machine/7/1.00/abc',0);
CREATE TABLE feed_state (
	address TEXT NOT NULL, 
	feed_url TEXT NOT NULL, 
	fetched_url TEXT, 
	former_urls JSON NOT NULL, 
	show_id TEXT, 
	note TEXT, 
	etag TEXT, 
	last_modified TEXT, 
	body_digest TEXT, 
	title TEXT, 
	author TEXT, 
	link TEXT, 
	language TEXT, 
	image_url TEXT, 
	description TEXT, 
	categories JSON NOT NULL, 
	blocked BOOLEAN NOT NULL, 
	first_scanned_at DATETIME, 
	last_success_at DATETIME, 
	failures_in_a_row INTEGER NOT NULL, 
	last_error TEXT, 
	next_try_at DATETIME, 
	retired BOOLEAN NOT NULL, 
	failing_since DATETIME, 
	podcast_guid TEXT, 
	license TEXT, 
	locked BOOLEAN, 
	CONSTRAINT pk_feed_state PRIMARY KEY (address)
);
INSERT INTO "feed_state" VALUES('feed.example/rss','https://feed.example/rss',NULL,'["http://old.example/rss"]','show-1',NULL,NULL,NULL,NULL,'Größe',NULL,NULL,NULL,NULL,NULL,'["Science"]',0,'2026-11-16 08:00:00.123456','2026-11-17 08:00:00.123456',0,NULL,NULL,0,NULL,NULL,NULL,1);
CREATE TABLE sealed_addresses (
	sealed TEXT NOT NULL, 
	address TEXT NOT NULL, 
	first_seen_at DATETIME, 
	CONSTRAINT pk_sealed_addresses PRIMARY KEY (sealed)
);
CREATE TABLE subscriber (
	subscriber_id VARCHAR(32) NOT NULL, 
	address VARCHAR(254) NOT NULL, 
	address_key VARCHAR(254) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_subscriber PRIMARY KEY (subscriber_id), 
	CONSTRAINT uq_subscriber_address_key UNIQUE (address_key)
);
INSERT INTO "subscriber" VALUES('a1a1a1a1a1a1a1a1','ann@example.org','ann@example.org','2026-11-16 08:00:00.123456');
INSERT INTO "subscriber" VALUES('b2b2b2b2b2b2b2b2','ben@example.org','ben@example.org','2026-11-17 08:00:00.123456');
CREATE TABLE subscriber_setting (
	setting_id INTEGER NOT NULL, 
	subscriber_id VARCHAR(32) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	brief_size INTEGER NOT NULL, 
	language VARCHAR(35), 
	timezone VARCHAR(64) NOT NULL, 
	valid_from DATETIME NOT NULL, 
	valid_to DATETIME, 
	CONSTRAINT pk_subscriber_setting PRIMARY KEY (setting_id), 
	CONSTRAINT ck_subscriber_setting_status CHECK (status IN ('active', 'paused', 'unsubscribed')), 
	CONSTRAINT ck_subscriber_setting_brief_size CHECK (brief_size BETWEEN 1 AND 10), 
	CONSTRAINT fk_subscriber_setting_subscriber_id_subscriber FOREIGN KEY(subscriber_id) REFERENCES subscriber (subscriber_id) ON DELETE CASCADE
);
INSERT INTO "subscriber_setting" VALUES(1,'a1a1a1a1a1a1a1a1','active',5,NULL,'UTC','2026-11-16 08:00:00.123456','2026-11-17 08:00:00.123456');
INSERT INTO "subscriber_setting" VALUES(2,'a1a1a1a1a1a1a1a1','active',8,NULL,'Europe/Berlin','2026-11-17 08:00:00.123456',NULL);
INSERT INTO "subscriber_setting" VALUES(3,'b2b2b2b2b2b2b2b2','active',5,'de','UTC','2026-11-17 08:00:00.123456','2026-11-19 08:00:00.123456');
INSERT INTO "subscriber_setting" VALUES(4,'b2b2b2b2b2b2b2b2','unsubscribed',5,'de','UTC','2026-11-19 08:00:00.123456',NULL);
CREATE TABLE subscriber_wish (
	wish_id INTEGER NOT NULL, 
	subscriber_id VARCHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	value VARCHAR(300) NOT NULL, 
	position INTEGER NOT NULL, 
	valid_from DATETIME NOT NULL, 
	valid_to DATETIME, 
	CONSTRAINT pk_subscriber_wish PRIMARY KEY (wish_id), 
	CONSTRAINT ck_subscriber_wish_kind CHECK (kind IN ('interest', 'followed_show', 'muted_show', 'muted_topic')), 
	CONSTRAINT fk_subscriber_wish_subscriber_id_subscriber FOREIGN KEY(subscriber_id) REFERENCES subscriber (subscriber_id) ON DELETE CASCADE
);
INSERT INTO "subscriber_wish" VALUES(1,'a1a1a1a1a1a1a1a1','interest','batteries',1,'2026-11-16 08:00:00.123456','2026-11-18 08:00:00.123456');
INSERT INTO "subscriber_wish" VALUES(2,'a1a1a1a1a1a1a1a1','interest','whale song',2,'2026-11-16 08:00:00.123456',NULL);
INSERT INTO "subscriber_wish" VALUES(3,'a1a1a1a1a1a1a1a1','muted_topic','crypto',1,'2026-11-16 08:00:00.123456',NULL);
INSERT INTO "subscriber_wish" VALUES(4,'a1a1a1a1a1a1a1a1','interest','bücher',3,'2026-11-17 08:00:00.123456',NULL);
INSERT INTO "subscriber_wish" VALUES(5,'a1a1a1a1a1a1a1a1','followed_show','show-1',1,'2026-11-17 08:00:00.123456',NULL);
CREATE INDEX ix_delivery_date_status ON delivery (date, status);
CREATE INDEX ix_feed_state_show_id ON feed_state (show_id);
CREATE INDEX ix_subscriber_setting_subscriber_id_valid_from ON subscriber_setting (subscriber_id, valid_from);
CREATE UNIQUE INDEX ix_subscriber_setting_current ON subscriber_setting (subscriber_id) WHERE valid_to IS NULL;
CREATE INDEX ix_subscriber_wish_subscriber_id_kind_position ON subscriber_wish (subscriber_id, kind, position);
COMMIT;
