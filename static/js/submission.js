// The page of one submission that is not finished: its result moves without a reload.

import "./copying.js";
import { follow } from "./live.js";
import { pageData, say, showLink } from "./page.js";
import { Result } from "./results.js";

const data = pageData();
const result = new Result(document.getElementById("result"), { say });
result.begin(data);
follow(data.id, {
  after: data.seq,
  onEvent: (event) => result.take(event),
  onQueue: (place) => result.moveUp(place),
  onLink: showLink,
});
