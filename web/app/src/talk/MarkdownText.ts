import { h, type FunctionalComponent } from "vue";
import { render, type MentionMark } from "./markdown";
import "./markdown.css";

/** A message's text. Its direction is that of its first letter. */
const MarkdownText: FunctionalComponent<{ text: string; mentions: readonly MentionMark[] }> = ({
  text,
  mentions,
}) => h("div", { class: "markdown", dir: "auto" }, render(text, mentions));
MarkdownText.props = ["text", "mentions"];

export default MarkdownText;
