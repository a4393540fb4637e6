import type { ChatState, ChatStatus, Line, RoomState, Unsent } from "./chat-state.ts";
import { Face } from "./face.tsx";

/** The chat: rooms, conversation, people. */
export function ChatView({ state }: { readonly state: ChatState }) {
  const room = state.rooms.find(({ name }) => name === state.current) ?? state.rooms[0];
  if (!room) return null;
  return (
    <div class="chat">
      <nav class="rooms" aria-label="Rooms">
        <ul>
          {state.rooms.map((each) => (
            <RoomEntry key={each.name} room={each} isCurrent={each === room} />
          ))}
        </ul>
      </nav>
      <section class="talk" aria-labelledby="room-title">
        <header class="talk-head">
          <div>
            <h2 id="room-title">{room.title}</h2>
            <p class="hint">{room.about}</p>
          </div>
          <Status status={state.status} />
        </header>
        <Log room={room} me={state.me} waiting={waitingIn(room, state)} />
        <Composer room={room} problem={state.problem} />
      </section>
      <aside class="here" aria-labelledby="here-title">
        <h3 id="here-title">
          Here now <span class="tag number">{room.people.length}</span>
        </h3>
        <ul>
          {room.people.map((name) => (
            <li key={name}>
              <Face name={name} />
              {name === state.me ? `${name} (you)` : name}
            </li>
          ))}
        </ul>
      </aside>
    </div>
  );
}

/** How the connection is. The countdown is for eyes; a screen reader hears each change once. */
function Status({ status }: { readonly status: ChatStatus }) {
  return (
    <p class="talk-status">
      <span class={`dot dot-${status.kind}`} />
      <span aria-hidden="true">{status.text}</span>
      <span class="visually-hidden" role="status">
        {status.kind === "waiting" ? "Connection lost, reconnecting" : status.text}
      </span>
      {status.kind === "closed" ? <a href="/sign-in?next=/chat">Sign in again</a> : null}
    </p>
  );
}

function RoomEntry({ room, isCurrent }: { readonly room: RoomState; readonly isCurrent: boolean }) {
  return (
    <li class="room" data-open={room.isOpen ? "true" : undefined}>
      <button
        class="room-open"
        type="button"
        data-room={room.name}
        aria-current={isCurrent ? "true" : undefined}
      >
        <span class={room.isOpen ? "dot dot-open" : "dot"} />
        <span>{room.title}</span>
        {room.staffOnly ? <span class="tag">staff</span> : null}
        {room.unread > 0 ? (
          <span class="tag tag-accent number">
            {room.unread}
            <span class="visually-hidden"> unread</span>
          </span>
        ) : null}
      </button>
      {room.isOpen ? (
        <button
          class="room-leave"
          type="button"
          data-leave={room.name}
          aria-label={`Leave ${room.title}`}
          title={`Leave ${room.title}`}
        >
          <span aria-hidden="true">×</span>
        </button>
      ) : null}
    </li>
  );
}

interface LogProps {
  readonly room: RoomState;
  readonly me: string | null;
  /** What is said when the connection is back. */
  readonly waiting: readonly Unsent[];
}

function Log({ room, me, waiting }: LogProps) {
  if (room.refused !== null) {
    return (
      <div class="log" key={`${room.name}-refused`}>
        <p class="problem" role="alert">
          {room.refused}
        </p>
      </div>
    );
  }
  return (
    <div
      class="log"
      id="log"
      key={room.name}
      role="log"
      aria-label={`Messages in ${room.title}`}
      tabindex={0}
    >
      {room.isOpen && room.lines.length === 0 ? (
        <p class="log-empty">Nothing was said here yet. The first word is yours.</p>
      ) : null}
      {room.lines.map((line, index) => (
        <LogLine
          key={line.id}
          line={line}
          me={me}
          isSame={isSameSpeaker(line, room.lines[index - 1])}
        />
      ))}
      {waiting.map(({ text }, index) => (
        <p class="unsent" key={`unsent-${index}`}>
          {text} <span class="hint">· waits for the connection</span>
        </p>
      ))}
    </div>
  );
}

/** While the connection is there, what was said is on its way and arrives at once. */
function waitingIn({ name }: RoomState, { status, unsent }: ChatState): readonly Unsent[] {
  return status.kind === "open" ? [] : unsent.filter(({ room }) => room === name);
}

interface LogLineProps {
  readonly line: Line;
  readonly me: string | null;
  /** Whether the line above is by the same person, so that the name need not stand there again. */
  readonly isSame: boolean;
}

function LogLine({ line, me, isSame }: LogLineProps) {
  if (line.kind === "notice") {
    return (
      <p class="notice">
        {line.text} <Time at={line.at} />
      </p>
    );
  }
  return (
    <article
      class={isSame ? "said said-more" : "said"}
      data-mine={line.user === me ? "true" : undefined}
    >
      <Face name={line.user} />
      <p class="said-by">
        <strong>{line.user}</strong> <Time at={line.at} />
      </p>
      <p class="said-text">{line.text}</p>
    </article>
  );
}

function Time({ at }: { readonly at: number }) {
  const date = new Date(at);
  const text = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return <time datetime={date.toISOString()}>{text}</time>;
}

function Composer({
  room,
  problem,
}: {
  readonly room: RoomState;
  readonly problem: string | null;
}) {
  return (
    <form class="composer" id="composer">
      {problem === null ? null : (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <label class="visually-hidden" for="text">
        Message to {room.title}
      </label>
      <textarea
        class="input"
        id="text"
        name="text"
        rows={1}
        required
        maxlength={2000}
        autocomplete="off"
        placeholder={`Say something in ${room.title}`}
        disabled={!room.isOpen}
      />
      <button class="button" type="submit" disabled={!room.isOpen}>
        Send
      </button>
    </form>
  );
}

const SAME_MS = 5 * 60_000;

function isSameSpeaker(line: Line, before: Line | undefined): boolean {
  return (
    line.kind === "message" &&
    before?.kind === "message" &&
    before.user === line.user &&
    line.at - before.at < SAME_MS
  );
}
