import { existsSync } from 'node:fs';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The system's own Chromium: nothing is downloaded. `URSA_CHROMIUM` names another. */
export function chromium(): string {
  const named = process.env.URSA_CHROMIUM;
  const found = named ?? CANDIDATES.find((path) => existsSync(path));
  if (found === undefined || !existsSync(found)) {
    throw new Error(
      `no Chromium (${named ?? CANDIDATES.join(', ')}): install it, or name one in URSA_CHROMIUM`,
    );
  }
  return found;
}

/** So that nothing but the desk's own requests is made, on any machine. */
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
