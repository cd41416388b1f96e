CREATE TABLE `approvals` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`task` text NOT NULL,
	`seq` integer NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`head` text NOT NULL,
	PRIMARY KEY(`tenant`, `id`)
);
--> statement-breakpoint
CREATE INDEX `approvals_by_status` ON `approvals` (`tenant`,`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `approvals_by_task` ON `approvals` (`tenant`,`task`,`created_at`,`id`);--> statement-breakpoint
ALTER TABLE `tasks` ADD `parent` text;--> statement-breakpoint
CREATE INDEX `tasks_by_parent` ON `tasks` (`tenant`,`parent`,`created_at`,`id`) WHERE parent is not null;