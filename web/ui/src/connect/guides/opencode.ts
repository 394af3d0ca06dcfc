import type { AgentGuide } from './guide';

export const opencode: AgentGuide = {
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
