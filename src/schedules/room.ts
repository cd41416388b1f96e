import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import type { TaskServices } from "../tasks/services.ts";
import { ScheduleGateway } from "./gateway.ts";
import { registeredSchedules } from "./registered-schedules.ts";
import { ScheduleList } from "./schedule-list.ts";
import { schedulePorts } from "./scheduled-task.ts";
import type { ScheduleServices } from "./services.ts";
import type { ScheduleObject } from "./schedule-object.ts";

export const schedulesRoom = {
  name: "schedules",
  limits: LIMITS,
  tags: { schedules: "Tasks that are submitted at their times" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes: scheduleRoutes,
} as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly SCHEDULES: DurableObjectNamespace<ScheduleObject<Env>>;
    }
  }
}

/** `tasks`: what a run is submitted by. */
export function openSchedules({ env, db }: Base, tasks: TaskServices) {
  const services: ScheduleServices = { ...tasks, schedules: new ScheduleGateway(env.SCHEDULES), scheduleList: new ScheduleList(db) };
  return { services, registered: [registeredSchedules(services)], ports: schedulePorts(() => services) };
}
