/** What a set-up text is filled in with. */
export interface Place {
  /** Where upstreams hang below: `http://127.0.0.1:4680/edge`, or `…/edge/k/KEY` where agents need a key. */
  edge: string;
  /** The same without the key, for set-ups that send it in a header. */
  open: string;
  key: string;
}

/** Lines to paste. */
export interface Snippet {
  /** What it is for, or where it goes. */
  title: string;
  text: (place: Place) => string;
}

/** What is recorded of an agent now: `part` depends on the protocol that it is set to. */
export type Recorded = 'yes' | 'part';

/** An agent, and how it is pointed at this server. */
export interface AgentGuide {
  id: string;
  name: string;
  /** Slugs of its sessions. */
  slugs: readonly string[];
  recorded: Recorded;
  /** What exactly is recorded, in a sentence or two. */
  scope: string;
  /** Holds for one run. */
  once: readonly Snippet[];
  /** Holds until taken back. */
  permanent: readonly Snippet[];
  /** The key in a header: agents print addresses, and so a key in the path, in their errors. */
  header: readonly Snippet[];
  /** A first prompt without the agent's screen. */
  check: string;
  /** What goes wrong easily. */
  notes: readonly string[];
}

/** Stands where a key goes. */
const KEY_PLACE = 'KEY';

/** `key`: what an agent on another machine shows; empty while it is not known, `undefined` where none is needed. */
export function placeOf(origin: string, key: string | undefined): Place {
  const open = `${origin}/edge`;
  const shown = key?.trim() || KEY_PLACE;
  return { edge: key === undefined ? open : `${open}/k/${encodeURIComponent(shown)}`, open, key: shown };
}

const codexOnce = ({ edge }: Place, upstream: string, login: string) =>
  `codex -c model_provider=ursa -c 'model_providers.ursa={ name="ursa", base_url="${edge}/${upstream}", ${login}, wire_api="responses" }'`;

const codexFile = ({ edge }: Place, upstream: string, login: string) => `model_provider = "ursa"

[model_providers.ursa]
name = "ursa"
base_url = "${edge}/${upstream}"
${login}
wire_api = "responses"`;

const claudeCode: AgentGuide = {
  id: 'claude-code',
  name: 'Claude Code',
  slugs: ['claude-code'],
  recorded: 'yes',
  scope: 'Everything it says to its model: prompts, completions, reasoning, tool calls, subagents.',
  once: [{ title: 'Start it with', text: ({ edge }) => `ANTHROPIC_BASE_URL=${edge}/anthropic claude` }],
  permanent: [
    {
      title: 'In ~/.claude/settings.json, beside what is there',
      text: ({ edge }) => `{
  "env": {
    "ANTHROPIC_BASE_URL": "${edge}/anthropic"
  }
}`,
    },
  ],
  header: [
    {
      title: 'In ~/.claude/settings.json',
      text: ({ open, key }) => `{
  "env": {
    "ANTHROPIC_BASE_URL": "${open}/anthropic",
    "ANTHROPIC_CUSTOM_HEADERS": "x-ursa-key: ${key}"
  }
}`,
    },
  ],
  check: 'claude -p "say hi"',
  notes: [
    'No /v1 at the end. Your login stays as it is, a subscription or an API key.',
    'A settings file that has ANTHROPIC_BASE_URL already wins over the line in the shell.',
    'With Bedrock or Vertex it does not use this address.',
    'For all users of a Linux machine: the same in /etc/claude-code/managed-settings.json.',
  ],
};

const codex: AgentGuide = {
  id: 'codex',
  name: 'Codex',
  slugs: ['codex'],
  recorded: 'yes',
  scope: 'Everything it says to its model: prompts, completions, reasoning, tool calls.',
  once: [
    {
      title: 'With an API key in OPENAI_API_KEY',
      text: (place) => codexOnce(place, 'openai/v1', 'env_key="OPENAI_API_KEY"'),
    },
    {
      title: 'Signed in with ChatGPT',
      text: (place) => codexOnce(place, 'chatgpt', 'requires_openai_auth=true'),
    },
  ],
  permanent: [
    {
      title: 'With an API key: in ~/.codex/config.toml, above the first [table]',
      text: (place) => codexFile(place, 'openai/v1', 'env_key = "OPENAI_API_KEY"'),
    },
    {
      title: 'Signed in with ChatGPT: in ~/.codex/config.toml, above the first [table]',
      text: (place) => codexFile(place, 'chatgpt', 'requires_openai_auth = true'),
    },
  ],
  header: [
    {
      title: 'In ~/.codex/config.toml, with the address without the key',
      text: ({ key }) => `http_headers = { "x-ursa-key" = "${key}" }`,
    },
  ],
  check: 'codex exec "say hi"',
  notes: [
    'The trap: signed in with ChatGPT, openai_base_url alone is not enough. Traffic may go past this server, without a word. Use the provider above.',
    'OPENAI_BASE_URL is ignored by Codex.',
    'For all users of a Linux machine: the same in /etc/codex/managed_config.toml.',
    'With ChatGPT its token is sent to this address: let it be a server that you trust.',
  ],
};

const geminiSettings = `{
  "security": {
    "auth": {
      "selectedType": "gemini-api-key"
    }
  }
}`;

const geminiCli: AgentGuide = {
  id: 'gemini-cli',
  name: 'Gemini CLI',
  slugs: ['gemini-cli'],
  recorded: 'yes',
  scope: 'Everything it says to its model: prompts, completions, thoughts, tool calls.',
  once: [
    {
      title: 'In ~/.gemini/settings.json, so that it uses an API key',
      text: () => geminiSettings,
    },
    {
      title: 'Then start it with',
      text: ({ edge }) => `GEMINI_API_KEY=your-key GOOGLE_GEMINI_BASE_URL=${edge}/gemini gemini`,
    },
  ],
  permanent: [
    {
      title: 'In the shell’s profile, such as ~/.profile',
      text: ({ edge }) => `export GEMINI_API_KEY=your-key
export GOOGLE_GEMINI_BASE_URL=${edge}/gemini`,
    },
    {
      title: 'In ~/.gemini/settings.json, so that it uses an API key',
      text: () => geminiSettings,
    },
  ],
  header: [
    {
      title: 'In the shell’s profile',
      text: ({ open, key }) => `export GOOGLE_GEMINI_BASE_URL=${open}/gemini
export GEMINI_CLI_CUSTOM_HEADERS="x-ursa-key:${key}"`,
    },
  ],
  check: 'gemini -p "say hi"',
  notes: [
    'Signed in with Google it does not use this address: it takes an API key.',
    '“Invalid auth method selected.” means that the settings file above is missing.',
    'A .env file in the project hides ~/.gemini/.env: the shell’s profile is safer.',
  ],
};

const copilotCli: AgentGuide = {
  id: 'copilot-cli',
  name: 'Copilot CLI',
  slugs: ['copilot-cli'],
  recorded: 'part',
  scope:
    'Recorded with a provider of your own, set as below. With a Copilot subscription there is no address to set.',
  once: [
    {
      title: 'With an Anthropic key',
      text: ({ edge }) =>
        `COPILOT_PROVIDER_TYPE=anthropic COPILOT_PROVIDER_BASE_URL=${edge}/anthropic COPILOT_PROVIDER_API_KEY=$ANTHROPIC_API_KEY COPILOT_MODEL=claude-sonnet-4.6 copilot`,
    },
    {
      title: 'With an OpenAI key',
      text: ({ edge }) =>
        `COPILOT_PROVIDER_WIRE_API=responses COPILOT_PROVIDER_BASE_URL=${edge}/openai/v1 COPILOT_PROVIDER_API_KEY=$OPENAI_API_KEY COPILOT_MODEL=gpt-5.4 copilot`,
    },
  ],
  permanent: [
    {
      title: 'In the shell’s profile, such as ~/.profile',
      text: ({ edge }) => `export COPILOT_PROVIDER_TYPE=anthropic
export COPILOT_PROVIDER_BASE_URL=${edge}/anthropic
export COPILOT_PROVIDER_API_KEY=your-key
export COPILOT_MODEL=claude-sonnet-4.6`,
    },
  ],
  header: [
    {
      title: 'In the shell’s profile',
      text: ({ open, key }) => `export COPILOT_PROVIDER_BASE_URL=${open}/anthropic
export COPILOT_PROVIDER_HEADERS='x-ursa-key: ${key}'`,
    },
  ],
  check: 'copilot -p "say hi"',
  notes: [
    'With a Copilot subscription its address cannot be changed: that traffic does not come through this server.',
    'The model must be named, as the provider knows it.',
  ],
};

const opencode: AgentGuide = {
  id: 'opencode',
  name: 'opencode',
  slugs: ['opencode'],
  recorded: 'part',
  scope:
    'Recorded with an API key for anthropic, openai, google and what speaks Chat Completions. A ChatGPT login goes past this address.',
  once: [
    {
      title: 'Start it with',
      text: ({ edge }) =>
        `OPENCODE_CONFIG_CONTENT='{"provider":{"anthropic":{"options":{"baseURL":"${edge}/anthropic/v1"}}}}' opencode`,
    },
  ],
  permanent: [
    {
      title: 'In ~/.config/opencode/opencode.json, with the providers that you use',
      text: ({ edge }) => `{
  "$schema": "https://opencode.ai/config.json",
  "provider": {
    "anthropic": { "options": { "baseURL": "${edge}/anthropic/v1" } },
    "openai": { "options": { "baseURL": "${edge}/openai/v1" } }
  }
}`,
    },
  ],
  header: [
    {
      title: 'In each provider',
      text: ({ open, key }) => `"options": {
  "baseURL": "${open}/anthropic/v1",
  "headers": { "x-ursa-key": "${key}" }
}`,
    },
  ],
  check: 'opencode run -m anthropic/claude-sonnet-4-5 "say hi"',
  notes: [
    'The address ends in /v1, for Anthropic too.',
    'For all users of a Linux machine: the same in /etc/opencode/opencode.json.',
    'With a ChatGPT sign-in it goes to OpenAI whatever the address says: use an API key.',
  ],
};

const sdks: AgentGuide = {
  id: 'sdks',
  name: 'SDKs',
  slugs: [
    'anthropic-python',
    'anthropic-node',
    'openai-python',
    'openai-node',
    'google-genai',
    'litellm',
    'langchain',
    'vercel-ai-sdk',
  ],
  recorded: 'part',
  scope:
    'Anthropic Messages, OpenAI Responses and Chat Completions, and the Gemini API are recorded; everything else is forwarded and counted.',
  once: [
    {
      title: 'Without touching the program',
      text: ({ edge }) => `export ANTHROPIC_BASE_URL=${edge}/anthropic
export OPENAI_BASE_URL=${edge}/openai/v1
export GOOGLE_GEMINI_BASE_URL=${edge}/gemini`,
    },
  ],
  permanent: [
    {
      title: 'Python',
      text: ({ edge }) => `Anthropic(base_url="${edge}/anthropic")
OpenAI(base_url="${edge}/openai/v1")`,
    },
    {
      title: 'TypeScript and JavaScript',
      text: ({ edge }) => `new Anthropic({ baseURL: "${edge}/anthropic" });
new OpenAI({ baseURL: "${edge}/openai/v1" });`,
    },
  ],
  header: [
    {
      title: 'Python',
      text: ({ open, key }) =>
        `Anthropic(base_url="${open}/anthropic", default_headers={"x-ursa-key": "${key}"})`,
    },
    {
      title: 'TypeScript and JavaScript',
      text: ({ open, key }) =>
        `new Anthropic({ baseURL: "${open}/anthropic", defaultHeaders: { "x-ursa-key": "${key}" } });`,
    },
  ],
  check:
    'curl "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01" -H "content-type: application/json" -d \'{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"say hi"}]}\'',
  notes: [
    'Only the address for OpenAI ends in /v1; the other SDKs add the version themselves.',
    'A base URL in the program wins over the variable.',
    'Who is calling can be told in the headers x-ursa-user and x-ursa-device. They are not sent on.',
  ],
};

export const AGENTS: readonly AgentGuide[] = [claudeCode, codex, geminiCli, copilotCli, opencode, sdks];

/** Where the sessions of an agent are set up. */
export const guideOf = (slug: string): AgentGuide | undefined =>
  AGENTS.find((agent) => agent.slugs.includes(slug));
