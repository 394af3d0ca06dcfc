import { claudeCode } from './guides/claudeCode';
import { codex } from './guides/codex';
import { copilotCli } from './guides/copilotCli';
import { geminiCli } from './guides/geminiCli';
import type { AgentGuide, Place } from './guides/guide';
import { opencode } from './guides/opencode';
import { sdks } from './guides/sdks';

/** Stands where a key goes. */
const KEY_PLACE = 'KEY';

/** `key`: what an agent on another machine shows; empty while it is not known, `undefined` where none is needed. */
export function placeOf(origin: string, key: string | undefined): Place {
  const open = `${origin}/edge`;
  const shown = key?.trim() || KEY_PLACE;
  return { edge: key === undefined ? open : `${open}/k/${encodeURIComponent(shown)}`, open, key: shown };
}

export const AGENTS: readonly AgentGuide[] = [claudeCode, codex, geminiCli, copilotCli, opencode, sdks];

/** Where the sessions of an agent are set up. */
export const guideOf = (slug: string): AgentGuide | undefined =>
  AGENTS.find((agent) => agent.slugs.includes(slug));
