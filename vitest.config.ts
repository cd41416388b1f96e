import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Those with real processes wait most of the time: three side by side keep two cores busy, and none of them starved.
    maxWorkers: 3,
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], environment: "node", testTimeout: 120_000 } },
      {
        plugins: [
          cloudflareTest(async () => ({
            main: "./test/workers/worker.ts",
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              // Beside those of the service: one that only stands on what all of them stand on.
              durableObjects: { GROUND: { className: "Ground", useSQLite: true } },
              bindings: {
                ROOT_API_KEY: "root-key-of-the-tests-0123456789abcdef",
                ALLOW_LOOPBACK_AGENTS: "true",
                RELAY_CALLS_PER_AGENT: "40",
                MIGRATIONS: await readD1Migrations("migrations"),
              },
            },
          })),
        ],
        test: { name: "workers", include: ["test/workers/**/*.test.ts"], setupFiles: ["./test/workers/setup.ts"], testTimeout: 60_000 },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
