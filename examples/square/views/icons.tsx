import type { Child } from "hono/jsx";

/** The mark of the square: four stones, one of them lit. */
export function Mark() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <rect class="brand-stone" x="1.5" y="1.5" width="9.5" height="9.5" rx="2" />
      <rect class="brand-stone" x="1.5" y="13" width="9.5" height="9.5" rx="2" />
      <rect class="brand-stone" x="13" y="13" width="9.5" height="9.5" rx="2" />
      <circle class="brand-live" cx="17.75" cy="6.25" r="4.75" />
    </svg>
  );
}

function Icon({ children }: { readonly children: Child }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

export function ChatIcon() {
  return (
    <Icon>
      <path d="M4 5h12v8H9l-3.5 3v-3H4z" />
      <path d="M19 9h1.5v8H19v2.5L15.5 17H11" />
    </Icon>
  );
}

export function BoardIcon() {
  return (
    <Icon>
      <path d="M4 4h7v9H4zM13.5 4H20v5.5h-6.5zM13.5 12H20v8h-6.5zM4 15.5h7V20H4z" />
    </Icon>
  );
}

export function DeliveriesIcon() {
  return (
    <Icon>
      <path d="M3.5 12h4l2.5-7 4 14 2.5-7h4" />
    </Icon>
  );
}

export function JobsIcon() {
  return (
    <Icon>
      <path d="M4 7h10M4 12h16M4 17h7" />
      <circle cx="17.5" cy="7" r="1.5" />
      <circle cx="14.5" cy="17" r="1.5" />
    </Icon>
  );
}
