export interface SafeTextProps {
  text: string;
  /** Words to mark, whatever their case. */
  find?: string;
}

export function SafeText({ text }: SafeTextProps) {
  return <div dir="auto">{text}</div>;
}
