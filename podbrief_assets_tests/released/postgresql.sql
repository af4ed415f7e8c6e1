CREATE TABLE public.delivery (
    subscriber_id character varying(64) NOT NULL,
    date date NOT NULL,
    message_id character varying(400) NOT NULL,
    status character varying(16) NOT NULL,
    attempted_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    entries integer NOT NULL,
    detail text,
    run_id character varying(64),
    claimed_by character varying(400) NOT NULL,
    idempotent boolean NOT NULL,
    CONSTRAINT ck_delivery_status CHECK (((status)::text = ANY ((ARRAY['claimed'::character varying, 'delivered'::character varying, 'refused'::character varying, 'unknown'::character varying, 'cancelled'::character varying])::text[])))
);
CREATE TABLE public.feed_state (
    address text NOT NULL,
    feed_url text NOT NULL,
    fetched_url text,
    former_urls json NOT NULL,
    show_id text,
    note text,
    etag text,
    last_modified text,
    body_digest text,
    title text,
    author text,
    link text,
    language text,
    image_url text,
    description text,
    categories json NOT NULL,
    blocked boolean NOT NULL,
    first_scanned_at timestamp with time zone,
    last_success_at timestamp with time zone,
    failures_in_a_row integer NOT NULL,
    last_error text,
    next_try_at timestamp with time zone,
    retired boolean NOT NULL,
    failing_since timestamp with time zone,
    podcast_guid text,
    license text,
    locked boolean
);
CREATE TABLE public.sealed_addresses (
    sealed text NOT NULL,
    address text NOT NULL,
    first_seen_at timestamp with time zone
);
CREATE TABLE public.subscriber (
    subscriber_id character varying(32) NOT NULL,
    address character varying(254) NOT NULL,
    address_key character varying(254) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.subscriber_setting (
    setting_id integer NOT NULL,
    subscriber_id character varying(32) NOT NULL,
    status character varying(16) NOT NULL,
    brief_size integer NOT NULL,
    language character varying(35),
    timezone character varying(64) NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    CONSTRAINT ck_subscriber_setting_brief_size CHECK (((brief_size >= 1) AND (brief_size <= 10))),
    CONSTRAINT ck_subscriber_setting_status CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'paused'::character varying, 'unsubscribed'::character varying])::text[])))
);
CREATE SEQUENCE public.subscriber_setting_setting_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.subscriber_setting_setting_id_seq OWNED BY public.subscriber_setting.setting_id;
CREATE TABLE public.subscriber_wish (
    wish_id integer NOT NULL,
    subscriber_id character varying(32) NOT NULL,
    kind character varying(16) NOT NULL,
    value character varying(300) NOT NULL,
    "position" integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    CONSTRAINT ck_subscriber_wish_kind CHECK (((kind)::text = ANY ((ARRAY['interest'::character varying, 'followed_show'::character varying, 'muted_show'::character varying, 'muted_topic'::character varying])::text[])))
);
CREATE SEQUENCE public.subscriber_wish_wish_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.subscriber_wish_wish_id_seq OWNED BY public.subscriber_wish.wish_id;
ALTER TABLE ONLY public.subscriber_setting ALTER COLUMN setting_id SET DEFAULT nextval('public.subscriber_setting_setting_id_seq'::regclass);
ALTER TABLE ONLY public.subscriber_wish ALTER COLUMN wish_id SET DEFAULT nextval('public.subscriber_wish_wish_id_seq'::regclass);
INSERT INTO public.delivery VALUES ('a1a1a1a1a1a1a1a1', '2026-11-17', '<20261117.a1a1a1a1a1a1a1a1@podbrief.invalid>', 'delivered', '2026-11-18 13:45:00.123456+05:45', '2026-11-18 13:45:00.123456+05:45', 5, '2026-11-17/ann.eml', 'run-1', 'a-machine/7/1.00/abc', true);
INSERT INTO public.delivery VALUES ('b2b2b2b2b2b2b2b2', '2026-11-17', '<20261117.b2b2b2b2b2b2b2b2@podbrief.invalid>', 'refused', '2026-11-18 13:45:00.123456+05:45', '2026-11-18 13:45:00.123456+05:45', 3, 'no such mailbox', 'run-1', 'a-machine/7/1.00/abc', false);
INSERT INTO public.feed_state VALUES ('feed.example/rss', 'https://feed.example/rss', NULL, '["http://old.example/rss"]', 'show-1', NULL, NULL, NULL, NULL, 'Größe', NULL, NULL, NULL, NULL, NULL, '["Science"]', false, '2026-11-16 13:45:00.123456+05:45', '2026-11-17 13:45:00.123456+05:45', 0, NULL, NULL, false, NULL, NULL, NULL, true);
INSERT INTO public.subscriber VALUES ('a1a1a1a1a1a1a1a1', 'ann@example.org', 'ann@example.org', '2026-11-16 13:45:00.123456+05:45');
INSERT INTO public.subscriber VALUES ('b2b2b2b2b2b2b2b2', 'ben@example.org', 'ben@example.org', '2026-11-17 13:45:00.123456+05:45');
INSERT INTO public.subscriber_setting VALUES (1, 'a1a1a1a1a1a1a1a1', 'active', 5, NULL, 'UTC', '2026-11-16 13:45:00.123456+05:45', '2026-11-17 13:45:00.123456+05:45');
INSERT INTO public.subscriber_setting VALUES (2, 'a1a1a1a1a1a1a1a1', 'active', 8, NULL, 'Europe/Berlin', '2026-11-17 13:45:00.123456+05:45', NULL);
INSERT INTO public.subscriber_setting VALUES (3, 'b2b2b2b2b2b2b2b2', 'active', 5, 'de', 'UTC', '2026-11-17 13:45:00.123456+05:45', '2026-11-19 13:45:00.123456+05:45');
INSERT INTO public.subscriber_setting VALUES (4, 'b2b2b2b2b2b2b2b2', 'unsubscribed', 5, 'de', 'UTC', '2026-11-19 13:45:00.123456+05:45', NULL);
INSERT INTO public.subscriber_wish VALUES (2, 'a1a1a1a1a1a1a1a1', 'interest', 'whale song', 2, '2026-11-16 13:45:00.123456+05:45', NULL);
INSERT INTO public.subscriber_wish VALUES (3, 'a1a1a1a1a1a1a1a1', 'muted_topic', 'crypto', 1, '2026-11-16 13:45:00.123456+05:45', NULL);
INSERT INTO public.subscriber_wish VALUES (4, 'a1a1a1a1a1a1a1a1', 'interest', 'bücher', 3, '2026-11-17 13:45:00.123456+05:45', NULL);
INSERT INTO public.subscriber_wish VALUES (5, 'a1a1a1a1a1a1a1a1', 'followed_show', 'show-1', 1, '2026-11-17 13:45:00.123456+05:45', NULL);
INSERT INTO public.subscriber_wish VALUES (1, 'a1a1a1a1a1a1a1a1', 'interest', 'batteries', 1, '2026-11-16 13:45:00.123456+05:45', '2026-11-18 13:45:00.123456+05:45');
SELECT pg_catalog.setval('public.subscriber_setting_setting_id_seq', 4, true);
SELECT pg_catalog.setval('public.subscriber_wish_wish_id_seq', 5, true);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT pk_delivery PRIMARY KEY (subscriber_id, date);
ALTER TABLE ONLY public.feed_state
    ADD CONSTRAINT pk_feed_state PRIMARY KEY (address);
ALTER TABLE ONLY public.sealed_addresses
    ADD CONSTRAINT pk_sealed_addresses PRIMARY KEY (sealed);
ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT pk_subscriber PRIMARY KEY (subscriber_id);
ALTER TABLE ONLY public.subscriber_setting
    ADD CONSTRAINT pk_subscriber_setting PRIMARY KEY (setting_id);
ALTER TABLE ONLY public.subscriber_wish
    ADD CONSTRAINT pk_subscriber_wish PRIMARY KEY (wish_id);
ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT uq_subscriber_address_key UNIQUE (address_key);
CREATE INDEX ix_delivery_date_status ON public.delivery USING btree (date, status);
CREATE INDEX ix_feed_state_show_id ON public.feed_state USING btree (show_id);
CREATE UNIQUE INDEX ix_subscriber_setting_current ON public.subscriber_setting USING btree (subscriber_id) WHERE (valid_to IS NULL);
CREATE INDEX ix_subscriber_setting_subscriber_id_valid_from ON public.subscriber_setting USING btree (subscriber_id, valid_from);
CREATE INDEX ix_subscriber_wish_subscriber_id_kind_position ON public.subscriber_wish USING btree (subscriber_id, kind, "position");
ALTER TABLE ONLY public.subscriber_setting
    ADD CONSTRAINT fk_subscriber_setting_subscriber_id_subscriber FOREIGN KEY (subscriber_id) REFERENCES public.subscriber(subscriber_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.subscriber_wish
    ADD CONSTRAINT fk_subscriber_wish_subscriber_id_subscriber FOREIGN KEY (subscriber_id) REFERENCES public.subscriber(subscriber_id) ON DELETE CASCADE;
