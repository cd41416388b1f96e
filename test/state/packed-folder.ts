/** A folder in one small file: its files' names and sizes as a line of JSON, then their contents, compressed together. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";

type Listed = readonly [path: string, bytes: number];

/** What an alike file has said already is found again, however far back. */
const WINDOW_BITS = 24;

export function pack(folder: string, isWanted: (path: string) => boolean): Buffer {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter(isWanted)
    .toSorted();
  const contents = paths.map((path) => readFileSync(join(folder, path)));
  const list = paths.map((path, index): Listed => [path, contents[index]?.length ?? 0]);
  return brotliCompressSync(Buffer.concat([Buffer.from(`${JSON.stringify(list)}\n`), ...contents]), {
    params: { [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS, [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
  });
}

export function unpack(packed: Buffer, folder: string): void {
  const all = brotliDecompressSync(packed);
  let at = all.indexOf("\n") + 1;
  for (const [path, bytes] of JSON.parse(all.subarray(0, at).toString()) as readonly Listed[]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), all.subarray(at, at + bytes));
    at += bytes;
  }
}
