// Asks the server, refreshes the session when it has expired, and turns whatever goes
// wrong into a sentence for the visitor.

// Sent with every request. "cookie" has SuperTokens put the session into cookies that
// no script can read. A form of another site cannot send such a header.
const HEADERS = { "st-auth-mode": "cookie", rid: "guest-shop" };

// What the guard and the middleware answer, and SuperTokens itself.
const SENTENCES = {
  401: "Your session could not be renewed. Please sign in again.",
  403: "You are not all the way in yet: SuperTokens asks for more than the password.",
  409: "Another cookie is in the way of your cart. Sign in, and the cart needs none.",
  503: "SuperTokens does not answer, so nothing was changed. Please try again soon.",
};

/** What went wrong; the message is for the visitor. */
export class Problem extends Error {}

let refreshing = null;

/**
 * Ask the server and return its answer, read from JSON.
 *
 * A 401 means that the session has expired. It is refreshed and the request repeated,
 * once: a second 401 is a problem. When there is nothing to refresh any more, the server
 * has cleared the session's cookies and the request is repeated as a guest's.
 *
 * Two tabs may still refresh at the same moment, which SuperTokens can take for a stolen
 * token; its own supertokens-web-js has the tabs wait for each other.
 *
 * @throws {Problem} No answer came, or one that is an error.
 */
export async function ask(method, path, body) {
  let response = await send(method, path, body);
  if (response.status === 401) {
    const refreshed = await refresh();
    if (!refreshed.ok && refreshed.status !== 401) throw problemOf(refreshed);
    response = await send(method, path, body);
  }
  if (!response.ok) throw problemOf(response);
  return response.json();
}

async function send(method, path, body) {
  const options = { method, headers: { ...HEADERS } };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    return await fetch(path, options);
  } catch {
    throw new Problem("The shop cannot be reached. Is it still running?");
  }
}

// Requests that meet an expired session together share one refresh: a refresh token is
// good for one use.
function refresh() {
  refreshing ??= send("POST", "/auth/session/refresh").finally(() => {
    refreshing = null;
  });
  return refreshing;
}

function problemOf({ status, url }) {
  const isSuperTokens = new URL(url).pathname.startsWith("/auth/");
  return new Problem(
    SENTENCES[isSuperTokens && status >= 500 ? 503 : status] ??
      `The shop has a problem (${status}). Please try again.`,
  );
}
