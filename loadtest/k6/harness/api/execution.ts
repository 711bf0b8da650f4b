// k6/execution: which VU this is, and which iteration it is in.

const state = { vu: { idInTest: 0 }, scenario: { iterationInTest: 0 } };

export default state;
