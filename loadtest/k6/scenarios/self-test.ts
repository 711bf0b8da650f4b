// Planted faults: a judge that finds nothing wrong with these would find nothing wrong with anything.
// Needs no cluster.

import type { Options } from 'k6/options';

import { Ledger, clientIdOf } from '../lib/ledger.ts';
import { decode, encode } from '../lib/socketio.ts';
import { check } from 'k6';

export const options: Options = {
  iterations: 1,
  thresholds: {
    checks: ['rate==1'],
    hubbub_lost: ['count==3'],
    hubbub_unacked: ['count==1'],
    hubbub_out_of_order: ['count==1'],
    hubbub_duplicated: ['count==1'],
    hubbub_misplaced: ['count==2'],
    hubbub_refused: ['count==1'],
    hubbub_sent: ['count==6'],
    hubbub_acked: ['count==4'],
    hubbub_delivered: ['count==4'],
    hubbub_clients_judged: ['count==1'],
    hubbub_send_ack_ms: ['min==40', 'max==40'],
    hubbub_send_deliver_ms: ['min==30', 'max==60'],
    hubbub_reconnects_per_client: ['max==7'],
  },
};

export default function (): void {
  const due = 1_000_000;
  const ledger = new Ledger('none');
  const id = (number: number): string => clientIdOf(1, number, due);
  ledger.begins('room', 10);
  for (let number = 0; number < 6; number++) ledger.sends({ room: 'room', clientId: id(number), text: '', dueMs: due });

  // As it should be, the event before the ack.
  ledger.changes('room', 11);
  ledger.sees(id(0), 5, true, due + 30);
  ledger.acked(id(0), 5, due + 40);
  // Given twice.
  ledger.changes('room', 11);
  // Something before it was missing; and the ack said another place, before and after the event.
  ledger.changes('room', 13);
  ledger.acked(id(1), 7, due + 40);
  ledger.sees(id(1), 8, true, due + 60);
  ledger.sees(id(2), 9, true, due + 60);
  ledger.acked(id(2), 10, due + 40);
  // Acknowledged and never given; refused; never acknowledged; somebody else's.
  ledger.acked(id(3), 11, due + 40);
  ledger.refuses(id(4));
  ledger.sees(clientIdOf(2, 0, due), 12, false, due + 30);
  // The room came two changes further than was seen.
  ledger.judges('room', 15);
  ledger.closes(7);

  const packets = ['0/chat,{"token":"t"}', '2["a",{"b":[1,"2,3"]}]', '2/chat,17["a"]', '3/chat,17[]', '4/x,{"message":"no"}', '1'];
  check(null, {
    'Socket.IO packets survive the way there and back': () => packets.every((packet) => encode(decode(packet)) === packet),
    'their parts are told apart': () => {
      const { kind, namespace, id: number, data } = decode('2/chat,17["a"]');
      return kind === '2' && namespace === '/chat' && number === 17 && JSON.stringify(data) === '["a"]';
    },
  });
}
