// The messenger: one socket in /chat, one room open at a time. What is shown of a room is a map from
// seq to message, so that whatever arrives twice (a page and the live event) is shown once.

import { $, onText, options } from "./page.js";

const token = { value: new URLSearchParams(location.hash.slice(1)).get("token") ?? "" };
const socket = io("/chat", { autoConnect: false, auth: (give) => give({ token: token.value }), ...options() });
const open = { room: null, messages: new Map(), oldest: null, loading: false };
/** Typing ends at the others after 6 s unless it is said again. */
const typing = { saidAt: 0, ends: undefined };

const state = (text) => ($("state").textContent = text);

socket.on("connect", () => {
  state(socket.recovered ? "back, with all that was missed" : "connected");
  showChats();
  // Beyond what can be recovered the room is entered anew, and its newest page read.
  if (open.room && !socket.recovered) enter(open.room, $("with").textContent);
});
socket.on("disconnect", (reason) => state(`disconnected: ${reason}`));
socket.on("connect_error", (error) => state(`${error.data?.code ?? "unreachable"}: ${error.message}`));
socket.on("error", (text) => state(text));

socket.on("chatMessage", (message) => {
  take([message]);
  if (message.room === open.room) $("said").textContent = `${message.sender}: ${message.message}`;
  showChats();
});
socket.on("roomNotice", (notice) => take([notice]));
socket.on("messageEdited", ({ room, seq, message }) => change(room, seq, { message }));
socket.on("messageDeleted", ({ room, seq }) => change(room, seq, { message: "", deleted: true }));
socket.on("reset", ({ room, messages }) => {
  if (room !== open.room) return;
  open.messages.clear();
  take(messages);
});
socket.on("roomJoined", showChats);
socket.on("typing", (on, { room, user }) => {
  if (room === open.room) $("typing").textContent = on ? `${user} is typing…` : "";
});

function showChats() {
  socket.emit("chatRecord", (chats) => {
    if (chats.error) return state(chats.error.message);
    $("chats").replaceChildren(
      ...chats.map(({ roomId, name, message, unread }) => {
        const button = document.createElement("button");
        const last = message ? `: ${message.message}` : "";
        button.textContent = `${name}${unread ? ` (${unread})` : ""}${last}`;
        button.addEventListener("click", () => enter(roomId, name));
        return button;
      }),
    );
  });
}

function enter(room, name) {
  if (open.room && open.room !== room) socket.emit("leaveRoom", open.room);
  Object.assign(open, { room, messages: new Map(), oldest: null });
  $("with").textContent = name;
  $("typing").textContent = "";
  show();
  socket.emit("join-room", room, (answer) => {
    if (answer.error) return state(answer.error.message);
    page({}, () => ($("lines").scrollTop = $("lines").scrollHeight));
  });
}

/** A page of the open room: the newest, or the one before what is shown. */
function page(before, then) {
  const { room } = open;
  open.loading = true;
  socket.emit("history", { room, ...before }, (messages) => {
    open.loading = false;
    if (messages.error) return state(messages.error.message);
    if (room !== open.room) return;
    take(messages);
    then(messages);
  });
}

function take(messages) {
  for (const message of messages) {
    if (message.room !== open.room) continue;
    open.messages.set(message.seq, message);
  }
  const seqs = [...open.messages.keys()];
  open.oldest = seqs.length ? Math.min(...seqs) : null;
  const newest = Math.max(0, ...seqs);
  if (newest) socket.emit("read", { room: open.room, seq: newest });
  show();
}

function change(room, seq, fields) {
  const message = room === open.room && open.messages.get(seq);
  if (message) Object.assign(message, fields);
  show();
}

function show() {
  const list = $("lines");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8;
  const ordered = [...open.messages.values()].sort((a, b) => a.seq - b.seq);
  list.replaceChildren(
    ...ordered.map(({ seq, sender, message, deleted, system }) => {
      const item = document.createElement("li");
      item.dataset.seq = seq;
      item.textContent = system ? message : `${sender}: ${deleted ? "(deleted)" : message}`;
      if (system || deleted) item.className = "note";
      return item;
    }),
  );
  if (atEnd) list.scrollTop = list.scrollHeight;
}

$("lines").addEventListener("scroll", () => {
  const list = $("lines");
  if (list.scrollTop > 0 || open.loading || !open.oldest || open.oldest === 1) return;
  const height = list.scrollHeight;
  page({ beforeSeq: open.oldest }, () => (list.scrollTop = list.scrollHeight - height));
});

$("text").addEventListener("input", () => {
  if (Date.now() - typing.saidAt > 3000) {
    socket.emit("typing", true);
    typing.saidAt = Date.now();
  }
  clearTimeout(typing.ends);
  typing.ends = setTimeout(stopTyping, 3000);
});

function stopTyping() {
  clearTimeout(typing.ends);
  if (typing.saidAt) socket.emit("typing", false);
  Object.assign(typing, { saidAt: 0, ends: undefined });
}

onText($("login"), (text) => {
  token.value = text;
  socket.disconnect().connect();
});
onText($("open"), (receiver) =>
  socket.emit("openRoom", { receiver }, (room) => {
    if (room.error) return state(room.error.message);
    enter(room.roomId, room.name);
    showChats();
  }),
);
onText($("say"), (message) => {
  stopTyping();
  const { room } = open;
  // With an id of its own a message that is sent again is the same message.
  const clientId = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  socket.timeout(20_000).emit("chatMessage", { room, clientId, message }, (late, answer) => {
    const problem = late ? "not known to be sent" : answer.error?.message;
    if (problem) state(problem);
  });
});

if (token.value) socket.connect();
