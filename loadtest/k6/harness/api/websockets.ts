// k6/websockets. A socket that is open keeps an iteration going, as in k6.

import WS from 'ws';

import { add } from '../registry.ts';

interface Params {
  headers?: Record<string, string>;
  tags?: Record<string, string>;
}

interface SocketEvent {
  type: string;
  timestamp: number;
  data?: string | ArrayBuffer;
  code?: number;
  reason?: string;
  error?: string;
}

type Listener = (event: SocketEvent) => void;

const open = new Set<WebSocket>();

export class WebSocket {
  private readonly socket: WS;
  private readonly listeners = new Map<string, Listener[]>();

  constructor(url: string, protocols: string[] | null = null, params: Params = {}) {
    this.socket = new WS(url, protocols ?? [], {
      headers: params.headers ?? {},
      perMessageDeflate: false,
      handshakeTimeout: 60_000,
    });
    open.add(this);
    add('ws_sessions', 1, params.tags);
    this.socket.on('open', () => this.tell({ type: 'open', timestamp: Date.now() }));
    this.socket.on('message', (data: Buffer, isBinary) => {
      const content = isBinary ? new Uint8Array(data).buffer : data.toString('utf8');
      this.tell({ type: 'message', timestamp: Date.now(), data: content });
    });
    this.socket.on('error', (error) => this.tell({ type: 'error', timestamp: Date.now(), error: error.message }));
    this.socket.on('close', (code, reason) => {
      open.delete(this);
      this.tell({ type: 'close', timestamp: Date.now(), code, reason: reason.toString('utf8') });
    });
  }

  get readyState(): number {
    return this.socket.readyState;
  }

  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  /** As k6 does: to send on a socket that is not open is an error. */
  send(data: string | ArrayBuffer): void {
    if (this.socket.readyState !== WS.OPEN) throw new Error('the WebSocket is not open');
    this.socket.send(data);
  }

  close(code = 1000, reason = ''): void {
    this.socket.close(code, reason);
  }

  private tell(event: SocketEvent): void {
    for (const listener of this.listeners.get(event.type) ?? []) listener(event);
  }
}

/** For the VU's thread: how many sockets are not closed yet. */
export function openSockets(): number {
  return open.size;
}
