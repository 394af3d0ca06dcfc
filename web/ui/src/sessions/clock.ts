import { useEffect, useState } from 'react';

/** How often "5 min. ago" is told anew. */
const TICK_MS = 15_000;

/** Now, in milliseconds, told anew from time to time. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
