import { type ReactNode, useState } from 'react';

/** Something folded, whose content is laid out only once it is opened. */
export function Details(props: {
  summary: ReactNode;
  className?: string | undefined;
  start?: boolean;
  children: ReactNode;
}) {
  const [open, setOpen] = useState(props.start ?? false);
  return (
    <details className={props.className} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{props.summary}</summary>
      {open && props.children}
    </details>
  );
}
