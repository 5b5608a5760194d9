// How far a file is: what is sent, then what is transcribed of it, with its text and the time that is left.

import { $, announce, bytes, clock } from "./dom.js";

const MIN_PART = 0.02; // before, and before so many seconds, an estimate of the time left is a guess
const MIN_SECONDS = 2;

/** Shows the work on `file`; `named`: whether speakers are identified when all is transcribed. */
export function watch(file, named) {
  const bar = $("work-bar");
  let [begun, announced, done, total, shown] = [0, 0, 0, 0, ""];
  text("", "");
  sent(0, file.size);
  const ticking = setInterval(() => begun && work(), 500);

  function sent(bytesSent, bytesTotal) {
    const part = Math.min(1, bytesTotal ? bytesSent / bytesTotal : 0);
    if (begun && part === 1) return;
    [begun, done, total] = [0, 0, 0]; // it may be sent again after a while, where the service had no room for it
    step("step-up");
    bar.setAttribute("aria-label", "Upload");
    bar.value = part;
    $("work-state").textContent = `${bytes(part * file.size)} of ${bytes(file.size)}`;
    if (part < 1) return quarters(part, "sent");
    [begun, announced] = [Date.now(), 0];
    step("step-transcribe");
    bar.removeAttribute("value");
    bar.setAttribute("aria-label", "Transcription");
    announce("Sent. The service is transcribing it.");
    work();
  }

  function transcribed(seconds, all) {
    if (!begun) sent(1, 1);
    if (!total) begun = Date.now(); // what waited for its turn is no measure of the speed
    [done, total] = [seconds, all];
    quarters(done / total, "transcribed");
    work();
  }

  function quarters(part, verb) {
    const quarter = Math.floor(part * 4);
    if (quarter > announced && part < 1) announce(`${quarter * 25} % ${verb}`);
    announced = Math.max(announced, quarter);
  }

  function work() {
    const seconds = (Date.now() - begun) / 1000;
    if (!total) $("work-state").textContent = `Reading the file · ${clock(seconds)}`;
    else if (done >= total) {
      bar.removeAttribute("value");
      $("work-state").textContent = named ? "Identifying speakers…" : "Finishing…";
    } else {
      const part = done / total;
      bar.value = part;
      const left = part >= MIN_PART && seconds >= MIN_SECONDS ? ` · about ${clock((seconds * (1 - part)) / part + 1)} left` : "";
      $("work-state").textContent = `Transcribing ${clock(total)} of audio · ${Math.floor(part * 100)} %${left}`;
    }
  }

  function text(piece, soFar) {
    shown = soFar;
    $("work-text").textContent = soFar;
    $("work-text").scrollTop = $("work-text").scrollHeight;
    $("work-text").hidden = !soFar;
  }

  return { sent, transcribed, text, anyText: () => shown !== "", end: () => clearInterval(ticking) };
}

function step(current) {
  const [up, transcribing] = [$("step-up"), $("step-transcribe")];
  for (const item of [up, transcribing]) {
    if (item.id === current) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  up.classList.toggle("done", current === transcribing.id);
}
