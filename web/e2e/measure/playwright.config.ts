import { defineConfig } from '@playwright/test';
import base from '../playwright.config.ts';

/** Figures for people: apart from the tests, because what they say depends on the machine. */
export default defineConfig({
  ...base,
  testDir: '.',
  outputDir: '../test-results/measure',
  workers: 1,
  timeout: 1_200_000,
});
