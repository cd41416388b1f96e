CREATE TABLE `schedules` (
	`tenant` text NOT NULL,
	`name` text NOT NULL,
	`head` text NOT NULL,
	PRIMARY KEY(`tenant`, `name`)
);
