import { expect, test, vi } from "vitest";
import { isKeyText, newKeyText, SHOWN_LENGTH } from "../../../src/auth/key-text.ts";
import { requestCredit } from "../../../src/auth/request-credit.ts";

test("a key that was made is one; with any character changed, left out or added it is none", () => {
  const key = newKeyText();
  expect(isKeyText(key)).toBe(true);
  expect(newKeyText()).not.toBe(key);
  for (let at = 0; at < key.length; at++) {
    expect(isKeyText(`${key.slice(0, at)}${key[at] === "0" ? "1" : "0"}${key.slice(at + 1)}`)).toBe(false);
    expect(isKeyText(key.slice(0, at) + key.slice(at + 1))).toBe(false);
  }
  for (const text of ["", `${key}0`, ` ${key}`, key.toUpperCase(), "x".repeat(1_000_000)]) expect(isKeyText(text)).toBe(false);
  expect(key.slice(0, SHOWN_LENGTH)).toMatch(/^orck_[0-9a-z]{6}$/);
});

test("a key made before there was a check may be one", () => {
  expect(isKeyText("orc_sycd4p57hwck64fc86r4dk1mce8f8z5e939gyke2")).toBe(true);
  for (const text of [
    "orc_",
    "orc_nonsense",
    "orc_sycd4p57hwck64fc86r4dk1mce8f8z5e939gyke2x",
    "orc_SYCD4P57HWCK64FC86R4DK1MCE8F8Z5E939GYKE2",
  ])
    expect(isKeyText(text)).toBe(false);
});

test("the limiter is asked once for many requests, and refuses whoever has used up what it granted", async () => {
  const asked: string[] = [];
  const { take } = requestCredit(async (caller) => asked.push(caller) <= 2, 10);
  const taken = [];
  for (let count = 0; count < 25; count++) taken.push(await take("one"));
  expect(taken.filter(Boolean)).toHaveLength(20);
  expect(asked, "whoever was refused is not asked about again for a while").toHaveLength(3);
});

test("what did not count after all is given back, and is never more than was granted", async () => {
  let granted = 0;
  const { take, giveBack } = requestCredit(async () => granted++ < 1, 10);
  for (let count = 0; count < 100; count++) {
    expect(await take("one")).toBe(true);
    giveBack("one");
  }
  for (let count = 0; count < 5; count++) giveBack("one");
  for (let count = 0; count < 10; count++) expect(await take("one")).toBe(true);
  expect(await take("one")).toBe(false);
});

test("many new callers take nothing from one who asks all the time, and lend it nothing", async () => {
  const asked: string[] = [];
  const { take } = requestCredit(async (caller) => asked.push(caller) > 0, 100);
  for (let count = 0; count < 5_000; count++) {
    await take(`new ${count}`);
    if (count % 100 === 0) await take("old");
  }
  expect(asked.filter((caller) => caller === "old")).toHaveLength(1);
});

test("a burst of whoever was refused gets nothing while the limiter is asked again", async () => {
  vi.useFakeTimers();
  let mayPass = false;
  const { take } = requestCredit(async () => mayPass, 10);
  const burst = async () => (await Promise.all(Array.from({ length: 1_000 }, () => take("one")))).filter(Boolean).length;
  expect(await take("one")).toBe(false);
  expect(await burst()).toBe(0);
  vi.advanceTimersByTime(1_000);
  expect(await burst()).toBe(0);
  mayPass = true;
  vi.advanceTimersByTime(1_000);
  expect(await burst()).toBe(1);
  expect(await burst()).toBeGreaterThan(1);
  vi.useRealTimers();
});
