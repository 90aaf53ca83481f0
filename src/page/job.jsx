// A job of the API while somebody waits for it.
import { get } from "./api.js";
import { Badge } from "./parts.jsx";

const POLL_MS = 500;

// Tells `onStep` how far it is until it has ended.
export async function followed(job, onStep) {
  while (job.status === "waiting" || job.status === "running") {
    onStep(job);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = await get(`/jobs/${job.id}`);
  }
  onStep(job);
}

// What a dry run has found, or how far it is.
export function Progress({ of: job }) {
  if (job == null) return null;
  return (
    <p role="status">
      {job.id == null ? `${job.matched} would be sent again.` : (
        <>
          <Badge of={job.status} /> {job.done} of {job.matched}{" "}
          <progress max={Math.max(1, job.matched)} value={job.done} aria-label="Sent again" />
        </>
      )}
    </p>
  );
}
