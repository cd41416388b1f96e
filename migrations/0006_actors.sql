ALTER TABLE `api_keys` ADD `created_by` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `updated_by` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `actor` text;--> statement-breakpoint
CREATE INDEX `tasks_by_actor` ON `tasks` (`tenant`,`actor`,`created_at`,`id`) WHERE actor is not null;--> statement-breakpoint
ALTER TABLE `workflows` ADD `created_by` text;