// A client of the Socket.IO door (docs/protocol.md, part 2), written against Engine.IO 4 and Socket.IO 5
// because k6 has no module for them: WebSocket only, JSON only.

import { clearTimeout, setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';

import { socketUrl } from './env.ts';

// Engine.IO packets.
const OPEN = '0';
const CLOSE = '1';
const PING = '2';
const PONG = '3';
const MESSAGE = '4';
// Socket.IO packets, within an Engine.IO message.
const CONNECT = '0';
const DISCONNECT = '1';
const EVENT = '2';
const ACK = '3';
const CONNECT_ERROR = '4';

/** A Socket.IO packet without attachments. */
export interface Packet {
  kind: string;
  namespace: string;
  id: number | undefined;
  data: unknown;
}

export function encode(packet: Packet): string {
  const namespace = packet.namespace === '/' ? '' : `${packet.namespace},`;
  const data = packet.data === undefined ? '' : JSON.stringify(packet.data);
  return `${packet.kind}${namespace}${packet.id ?? ''}${data}`;
}

export function decode(text: string): Packet {
  const found = /^([0-6])(?:(\/[^,]*),)?(\d+)?(.*)$/s.exec(text);
  if (!found) throw new Error('not a Socket.IO packet');
  const [, kind, namespace, id, data] = found;
  return {
    kind: kind as string,
    namespace: namespace ?? '/',
    id: id === undefined ? undefined : Number(id),
    data: data === undefined || data === '' ? undefined : (JSON.parse(data) as unknown),
  };
}

interface Handshake {
  sid: string;
  pingInterval: number;
  pingTimeout: number;
}

/** What is told to whoever uses a socket. */
export interface Listener {
  /** The namespace let us in. */
  connected(data: { sid: string; pid?: string }, atMs: number): void;
  /** It did not. */
  refused(error: { message: string; data?: { code?: string } }): void;
  event(name: string, args: unknown[], atMs: number): void;
  /** The server has said hello; closing is possible from here on. */
  opened(): void;
  /** The connection is gone; nothing comes after this. */
  ended(): void;
}

/** What k6 gives its listeners; its types know less than it does. */
interface SocketEvent {
  data: string;
  timestamp: number;
}

type Acknowledged = (args: unknown[], atMs: number) => void;

/** One connection to one namespace. */
export class SocketIo {
  private readonly namespace: string;
  private readonly auth: object;
  private readonly listener: Listener;
  private readonly socket: WebSocket;
  private readonly acks = new Map<number, { acknowledged: Acknowledged; broken: (() => void) | undefined }>();
  private nextId = 0;
  private handshake: Handshake | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private connected = false;
  private closing = false;

  constructor(url: string, namespace: string, query: string, auth: object, listener: Listener) {
    this.namespace = namespace;
    this.auth = auth;
    this.listener = listener;
    const address = `${socketUrl(url)}/socket.io/?EIO=4&transport=websocket${query}`;
    this.socket = new WebSocket(address, null, { tags: { door: 'socketio', name: 'connect' } });
    const listen = (name: string, heard: (event: SocketEvent) => void): void => {
      (this.socket.addEventListener as unknown as (name: string, heard: (event: SocketEvent) => void) => void)(
        name,
        heard,
      );
    };
    listen('message', (event) => this.packet(event.data, event.timestamp));
    // Told again by `close`, which always follows.
    listen('error', () => undefined);
    listen('close', () => {
      if (this.silence !== undefined) clearTimeout(this.silence);
      this.connected = false;
      const waiting = [...this.acks.values()];
      this.acks.clear();
      listener.ended();
      for (const { broken } of waiting) broken?.();
    });
  }

  get isConnected(): boolean {
    return this.connected;
  }

  /** `broken` is called when the connection ends before the acknowledgement. */
  emit(name: string, args: unknown[], acknowledged?: Acknowledged, broken?: () => void): void {
    const id = acknowledged ? this.nextId++ : undefined;
    if (acknowledged && id !== undefined) this.acks.set(id, { acknowledged, broken });
    this.write({ kind: EVENT, namespace: this.namespace, id, data: [name, ...args] });
  }

  /** Leaves the namespace and the connection. */
  close(): void {
    if (this.connected) this.write({ kind: DISCONNECT, namespace: this.namespace, id: undefined, data: undefined });
    this.drop();
  }

  /** Lets the connection go without a word. */
  drop(): void {
    this.connected = false;
    this.closing = true;
    this.socket.close();
  }

  private write(packet: Packet): void {
    // A socket that is closing takes nothing more.
    if (!this.closing) this.socket.send(MESSAGE + encode(packet));
  }

  private packet(text: string, atMs: number): void {
    this.heard();
    switch (text[0]) {
      case OPEN:
        this.handshake = JSON.parse(text.slice(1)) as Handshake;
        this.heard();
        this.listener.opened();
        this.write({ kind: CONNECT, namespace: this.namespace, id: undefined, data: this.auth });
        break;
      case CLOSE:
        this.close();
        break;
      case PING:
        if (!this.closing) this.socket.send(PONG);
        break;
      case MESSAGE:
        this.message(decode(text.slice(1)), atMs);
        break;
      default:
    }
  }

  private message(packet: Packet, atMs: number): void {
    if (packet.namespace !== this.namespace) return;
    switch (packet.kind) {
      case CONNECT:
        this.connected = true;
        this.listener.connected(packet.data as { sid: string }, atMs);
        break;
      case CONNECT_ERROR:
        this.listener.refused(packet.data as { message: string });
        break;
      case DISCONNECT:
        this.connected = false;
        this.close();
        break;
      case EVENT: {
        const [name, ...args] = packet.data as [string, ...unknown[]];
        this.listener.event(name, args, atMs);
        break;
      }
      case ACK: {
        const waiting = this.acks.get(packet.id as number);
        this.acks.delete(packet.id as number);
        waiting?.acknowledged(packet.data as unknown[], atMs);
        break;
      }
      default:
    }
  }

  /** The server pings; one that has been silent for longer than it may be is not there any more. */
  private heard(): void {
    if (this.silence !== undefined) clearTimeout(this.silence);
    const { handshake } = this;
    if (!handshake) return;
    this.silence = setTimeout(() => this.close(), handshake.pingInterval + handshake.pingTimeout);
  }
}
