/** What this room's routes and operations work with. */
import type { TaskServices } from "../tasks/services.ts";
import type { ScheduleGateway } from "./gateway.ts";
import type { ScheduleList } from "./schedule-list.ts";

export interface ScheduleServices extends TaskServices {
  readonly schedules: ScheduleGateway;
  readonly scheduleList: ScheduleList;
}
