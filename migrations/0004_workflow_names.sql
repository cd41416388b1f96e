CREATE TABLE `workflow_names` (
	`tenant` text NOT NULL,
	`name` text NOT NULL,
	`retired` integer NOT NULL,
	`revision` integer NOT NULL,
	`channels` text NOT NULL,
	PRIMARY KEY(`tenant`, `name`)
);
