/**
 * Channels: names for versions that move while the versions themselves never change.
 *
 * The channel with a `percent` (there is at most one) takes that share of the starts that ask for `stable`, so that a new
 * version meets some of the traffic before it gets all of it.
 */
import type { By } from "../shared/actor.ts";
import { rejection, rejectionOf, type Rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { unitFromText } from "../shared/random.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** PERSISTED. */
export interface Channel {
  readonly channel: string;
  readonly version: number;
  readonly percent?: number;
  readonly updatedAt: number;
  readonly createdBy?: By;
  readonly updatedBy?: By;
}

/** What a channel is set to. */
export type ChannelTarget = Pick<Channel, "channel" | "version" | "percent">;

/** PERSISTED. In the order of their names. */
export type Channels = readonly Channel[];

const SHARED = "stable";

/** The channels with one of them set, if that is allowed. */
export function withChannel(channels: Channels, change: Channel): Result<Channels, Rejection> {
  const others = withoutChannel(channels, change.channel);
  if (others.length >= LIMITS.channelsPerWorkflow) {
    return err(rejection("limit_reached", `A workflow has at most ${LIMITS.channelsPerWorkflow} channels; delete one first`));
  }
  if (change.percent !== undefined && change.channel === SHARED) {
    const message = `"${SHARED}" is what another channel takes a share of`;
    return err(rejectionOf([{ pointer: "/percent", message, code: "invalid_request" }], "invalid_request"));
  }
  const sharing = change.percent === undefined ? undefined : sharingOf(others);
  if (sharing !== undefined) {
    const detail = `Channel "${sharing.channel}" takes ${sharing.percent} % already, and only one may have a percent; change that one first`;
    return err(rejection("in_use", detail, { facts: { channels: [sharing.channel] } }));
  }
  return ok([...others, change].toSorted((a, b) => (a.channel < b.channel ? -1 : 1)));
}

export function withoutChannel(channels: Channels, channel: string): Channels {
  return channels.filter((other) => other.channel !== channel);
}

/** The version that a start on this channel runs; equal seeds go the same way. `null`: there is no such channel. */
export function versionOn(channels: Channels, channel: string, seed: string): number | null {
  const named = channels.find((candidate) => candidate.channel === channel);
  if (named === undefined) return null;
  const sharing = channel === SHARED ? sharingOf(channels) : undefined;
  const isShared = sharing?.percent !== undefined && unitFromText(seed) * 100 < sharing.percent;
  return isShared ? sharing.version : named.version;
}

export function channelsOf(channels: Channels, version: number): readonly string[] {
  return channels.filter((channel) => channel.version === version).map(({ channel }) => channel);
}

function sharingOf(channels: Channels): Channel | undefined {
  return channels.find(({ percent }) => percent !== undefined);
}
