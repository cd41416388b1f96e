CREATE TABLE `webhooks` (
	`tenant` text NOT NULL,
	`is_ad_hoc` integer NOT NULL,
	`id` text NOT NULL,
	`revision` integer NOT NULL,
	`used_at` integer,
	`record` text NOT NULL,
	PRIMARY KEY(`tenant`, `is_ad_hoc`, `id`)
);
