export interface ContextPanelProps {
  sessionId: string;
  /** Event id of the model call. */
  callId: string;
  /** Event id of the previous model call of the same lane. */
  previousCallId?: string;
  onClose: () => void;
}

/** The exact request of a model call, and what changed since the previous one. */
export function ContextPanel({ callId, onClose }: ContextPanelProps) {
  return (
    <section aria-label="What the model saw">
      <button type="button" className="button" onClick={onClose}>
        Close
      </button>
      <p>{callId}</p>
    </section>
  );
}
