/** The client against a real server. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { HubbubError, memoryStore, type Client, type Notice, type Session } from "../src/index.js";
import { Gateway } from "./gateway.js";
import { live, until } from "./helpers.js";

let gateway: Gateway;
const open: Client[] = [];
const sessions = new Map<string, Session>();
let guests = 0;

beforeAll(async () => {
  gateway = await Gateway.start();
});
afterAll(() => gateway.stop());
afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

async function person(name: string): Promise<Client> {
  const session = await gateway.guest(`${name}${++guests}`);
  sessions.set(session.user, session);
  const client = gateway.client(session);
  open.push(client);
  await live(client);
  return client;
}

describe("with a real server", () => {
  test("two people find each other, talk, type, and see how far their words have come", async () => {
    const [ada, bob] = [await person("ada"), await person("bob")];
    const notices: Notice[] = [];
    bob.on("notice", (notice) => notices.push(notice));
    const [found] = (await ada.people.search(`bob${guests}`)).users;
    expect(found?.user).toBe(bob.user);
    const { room } = await ada.rooms.openDirect(bob.user);
    await until(() => bob.rooms.get(room) !== undefined, "bob's chat");
    const [hers, his] = [ada.timeline(room), bob.timeline(room)];
    await until(() => his.snapshot.get().status === "ready", "bob's timeline");
    hers.typing();
    await until(() => his.snapshot.get().typing.includes(ada.user), "typing");
    const body = {
      text: "hi",
      attachments: [{ url: "/media/1", width: 4, height: 3, preview: "3OcRJYB4d3h" }],
    };
    const { seq } = await hers.send(body).stored;
    await until(() => his.snapshot.get().messages.at(-1)?.body?.text === "hi", "the message");
    expect(his.snapshot.get().messages.at(-1)?.body?.attachments).toEqual(body.attachments);
    expect(his.snapshot.get().typing).toEqual([]);
    expect(bob.rooms.get(room)).toMatchObject({ unread: 1, peer: ada.user });
    await until(() => hers.snapshot.get().messages.at(-1)?.status === "delivered", "delivered");
    await until(() => notices.length === 1, "the notice");
    his.markRead();
    await until(() => hers.snapshot.get().messages.at(-1)?.status === "read", "read");
    expect(bob.rooms.get(room)?.unread).toBe(0);
    await his.react(seq, "👍");
    await hers.edit(seq, "hi, Bob");
    await until(() => his.snapshot.get().messages.at(-1)?.body?.text === "hi, Bob", "the edit");
    expect(his.snapshot.get().messages.at(-1)?.reactions).toEqual([
      { user: bob.user, emoji: "👍" },
    ]);
    expect((await hers.edits(seq)).versions.map(({ body: { text } }) => text)).toEqual([
      "hi, Bob",
      "hi",
    ]);
    await hers.delete(seq);
    await until(() => his.snapshot.get().messages.at(-1)?.deleted === true, "the deletion");
  });

  test("groups, roles, presence, contacts and refusals", async () => {
    const [ada, bob] = [await person("ada"), await person("bob")];
    expect(await ada.contacts.request(bob.user)).toBe("outgoing");
    await bob.contacts.accept(ada.user);
    expect((await bob.contacts.list()).contacts.map(({ user }) => user)).toEqual([ada.user]);
    const { room } = await ada.rooms.create({ name: "Tea", members: [bob.user] });
    await until(() => bob.rooms.get(room)?.name === "Tea", "the invitation");
    await ada.rooms.setRole(room, bob.user, "admin");
    await until(() => bob.rooms.get(room)?.role === "admin", "the role");
    await ada.rooms.update(room, { topic: "green", slow_mode_seconds: 1 });
    await until(() => bob.rooms.get(room)?.topic === "green", "the topic");
    expect((await ada.rooms.members(room)).members).toHaveLength(2);
    const off = ada.presence.watch([bob.user]);
    await until(() => ada.presence.states.get().get(bob.user)?.state === "online", "presence");
    off();
    await bob.rooms.pin(room, true);
    await until(() => bob.rooms.get(room)?.pinned === true, "the pin");
    await bob.rooms.leave(room);
    await until(() => bob.rooms.get(room) === undefined, "having left");
    const refused = await bob.call("history", { room }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HubbubError);
    expect(refused).toMatchObject({ code: "not_found", retryable: false });
    const huge = bob.call("edit", { room, seq: 1, body: { text: "x".repeat(70_000) } });
    await expect(huge).rejects.toMatchObject({ code: "too_large" });
    expect(bob.state.get().state).toBe("live");
  });

  test("a message refused for good stays for its writer to decide", async () => {
    const ada = await person("ada");
    const { room } = await ada.rooms.create({ name: "Tea" });
    const refused: string[] = [];
    ada.on("refused", ({ client_id }) => refused.push(client_id));
    const long = ada.send(room, "x".repeat(4_001));
    const after = ada.send(room, "after");
    await expect(long.stored).rejects.toMatchObject({ code: "too_large" });
    await after.stored;
    expect(refused).toEqual([long.client_id]);
    expect(ada.outbox.pending.get()).toMatchObject([
      { status: "failed", error: { code: "too_large" } },
    ]);
    ada.outbox.discard(long.client_id);
    await until(() => ada.outbox.pending.get().length === 0, "the discarding");
  });

  test("unread messages are counted as the server counts, after any mixture", async () => {
    const [ada, bob] = [await person("ada"), await person("bob")];
    const { room } = await bob.rooms.create({ kind: "public", name: "Tea" });
    await ada.rooms.join(room);
    const his = bob.timeline(room);
    const seqs: number[] = [];
    for (let n = 0; n < 12; n++) {
      const mentions = n % 3 === 0 ? [ada.user] : [];
      seqs.push((await his.send({ text: `${n}`, mentions }).stored).seq);
    }
    await until(() => ada.rooms.get(room)?.unread === 12, "all");
    ada.rooms.markRead(room, seqs[3]);
    await his.delete(seqs[2] as number);
    await his.delete(seqs[6] as number);
    await his.edit(seqs[7] as number, { text: "7", mentions: [ada.user] });
    await until(
      () => ada.rooms.get(room)?.unread === 7 && ada.rooms.get(room)?.mentions === 2,
      "7 and 2",
    );
    const again = gateway.client(sessions.get(ada.user) as Session);
    open.push(again);
    await until(() => again.rooms.get(room)?.unread === 7, "the same for a device that comes new");
    expect(again.rooms.get(room)?.mentions).toBe(2);
  });

  test("what was written without a server is sent in order, once, when there is one", async () => {
    const other = await Gateway.start();
    const session = await other.guest("ada");
    const store = memoryStore();
    const before = other.client(session, { store });
    await live(before);
    const { room } = await before.rooms.create({ name: "Tea" });
    await until(() => before.rooms.list.get().status === "live", "the list");
    await other.kill();
    const written = Array.from({ length: 5 }, (_, n) => before.send(room, `offline ${n}`));
    await Promise.all(written.map(({ kept }) => kept));
    before.close();
    // Another run of the program, on the same store.
    const after = other.client(session, { store });
    await until(() => after.outbox.pending.get().length === 5, "what was kept");
    await other.up();
    await until(() => after.outbox.pending.get().length === 0, "all sent", 15_000);
    const page = await after.call("history", { room });
    const texts = page.messages.flatMap(({ body }) => body?.text ?? []);
    expect(texts).toEqual(written.map((_, n) => `offline ${n}`));
    after.close();
    await other.stop();
  });
});
