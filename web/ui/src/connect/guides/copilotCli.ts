import type { AgentGuide } from './guide';

export const copilotCli: AgentGuide = {
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
