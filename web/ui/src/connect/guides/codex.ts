import type { AgentGuide, Place } from './guide';

const codexOnce = ({ edge }: Place, upstream: string, login: string) =>
  `codex -c model_provider=ursa -c 'model_providers.ursa={ name="ursa", base_url="${edge}/${upstream}", ${login}, wire_api="responses" }'`;

const codexFile = ({ edge }: Place, upstream: string, login: string) => `model_provider = "ursa"

[model_providers.ursa]
name = "ursa"
base_url = "${edge}/${upstream}"
${login}
wire_api = "responses"`;

export const codex: AgentGuide = {
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
