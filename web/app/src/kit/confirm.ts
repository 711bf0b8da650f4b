/** A question with a yes or no, from anywhere: `if (await confirm({…}))`. `App` shows it. */
import { shallowRef } from "vue";

export interface Question {
  readonly text: string;
  readonly yes: string;
  readonly danger?: boolean;
}

export const question = shallowRef<(Question & { readonly answer: (yes: boolean) => void }) | undefined>();

/** Asks the user; a second question answers the first with no. */
export function confirm(asked: Question): Promise<boolean> {
  question.value?.answer(false);
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer: (yes) => {
        question.value = undefined;
        resolve(yes);
      },
    };
  });
}
