CREATE TABLE `agents` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`revision` integer NOT NULL,
	`record` text NOT NULL,
	PRIMARY KEY(`tenant`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `api_keys` (
	`hash` text PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`tenant` text NOT NULL,
	`name` text NOT NULL,
	`prefix` text NOT NULL,
	`roles` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE INDEX `api_keys_by_tenant` ON `api_keys` (`tenant`,`id`);--> statement-breakpoint
CREATE TABLE `archive_parts` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`part` integer NOT NULL,
	`first_seq` integer NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`tenant`, `id`, `part`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `task_tags` (
	`tenant` text NOT NULL,
	`tag` text NOT NULL,
	`created_at` integer NOT NULL,
	`id` text NOT NULL,
	PRIMARY KEY(`tenant`, `tag`, `created_at`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `tasks` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`seq` integer NOT NULL,
	`status` text NOT NULL,
	`type` text,
	`created_at` integer NOT NULL,
	`finished_at` integer,
	`waiting_for` text,
	`fingerprint` text,
	`head` text NOT NULL,
	PRIMARY KEY(`tenant`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `tasks_by_time` ON `tasks` (`tenant`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_by_status` ON `tasks` (`tenant`,`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_by_type` ON `tasks` (`tenant`,`type`,`created_at`,`id`) WHERE type is not null;--> statement-breakpoint
CREATE TABLE `workflows` (
	`tenant` text NOT NULL,
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`definition` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `name`, `version`)
) WITHOUT ROWID;
