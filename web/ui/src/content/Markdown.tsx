import { SafeText } from './SafeText';

export interface MarkdownProps {
  text: string;
  /** Words to mark, whatever their case. */
  find?: string;
}

export function Markdown(props: MarkdownProps) {
  return <SafeText {...props} />;
}
