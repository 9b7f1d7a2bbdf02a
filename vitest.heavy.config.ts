/** Tests of tests that take minutes: `npm run test:heavy`. */
import { mergeConfig } from "vitest/config";
import common from "./vitest.config.ts";

const config = mergeConfig(common, {});
config.test!.include = ["test/**/*.heavy.ts"];

export default config;
