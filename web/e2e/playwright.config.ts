import { defineConfig, devices } from '@playwright/test';
import { CHROMIUM_ARGS, chromium } from './lib/browser.ts';

export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results/traces',
  // Tests of a file share the recorded sessions of their worker's server; those that need their own start one.
  fullyParallel: false,
  workers: 2,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    // Recording each test as a trace takes longer than the test; a picture and the page's outline tell enough.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: { executablePath: chromium(), args: CHROMIUM_ARGS },
  },
});
