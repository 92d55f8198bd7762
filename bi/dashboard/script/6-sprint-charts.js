// Velocity and burndown of the chosen team.

/** Teams whose sprints are shown: the chosen one, or else the first of the scope that has any. */
function sprintTeams() {
  const scope = scopes[state.scope];
  if (scope?.type === "team") return [scope.key];
  const keys = scope?.type === "all" ? null : teamsInScope();
  return scopes
    .filter(
      (each) =>
        each.type === "team" && (!keys || keys.has(each.key)) && sprints.some((sprint) => sprint.team === each.key),
    )
    .map((each) => each.key);
}
function picker(label, options, value, onChange) {
  const select = el(
    "select",
    { "aria-label": label, change: (event) => onChange(event.target.value) },
    options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)),
  );
  return el("label", {}, `${label} `, select);
}

function drawSprints() {
  const teams = sprintTeams();
  if (!teams.includes(state.team)) state.team = teams[0] ?? null;
  const all = sprints
    .map((sprint, position) => ({ ...sprint, position }))
    .filter((sprint) => sprint.team === state.team);
  const nameOf = (key) => scopes.find((scope) => scope.type === "team" && scope.key === key)?.name ?? key;
  const teamPicker = () =>
    scopes[state.scope]?.type === "team" || teams.length < 2
      ? []
      : [
          picker(
            "Team",
            teams.map((key) => [key, nameOf(key)]),
            state.team,
            (key) => {
              state.team = key;
              state.sprint = null;
              drawSprints();
            },
          ),
        ];
  byId("velocity")
    .querySelector(".tools")
    .replaceChildren(...teamPicker());
  const closed = all
    .filter((sprint) => sprint.state === "closed")
    .map((sprint) => ({
      name: sprint.name,
      sprint: shortDay(sprint.closed ?? sprint.planned_end),
      Committed: sprint.committed_points ?? 0,
      Completed: sprint.completed_points ?? 0,
      velocity: sprint.velocity_mean_points,
      spread: sprint.velocity_stddev_points,
      say_do: sprint.say_do_ratio,
      row: sprint,
    }));
  chart(
    "velocity",
    { sprints: closed.map(({ row, ...rest }) => rest) },
    [
      ["Sprint", (row) => row.name],
      ["Closed", (row) => row.sprint],
      ["Committed", (row) => number(row.Committed, 1), true],
      ["Completed", (row) => number(row.Completed, 1), true],
      ["Velocity", (row) => (row.velocity === null ? "–" : number(row.velocity, 1)), true],
      ["Say-do", (row) => show(row.say_do, "ratio"), true],
    ],
    closed,
    "No sprint has been closed in this scope yet.",
  );
  const started = all.filter((sprint) => burndown.some((row) => row.sprint === sprint.position)).reverse();
  if (!started.some((sprint) => sprint.position === state.sprint)) state.sprint = started[0]?.position ?? null;
  byId("burndown")
    .querySelector(".tools")
    .replaceChildren(
      ...teamPicker(),
      ...(started.length
        ? [
            picker(
              "Sprint",
              started.map((sprint) => [
                String(sprint.position),
                `${sprint.name}${sprint.state === "active" ? " (active)" : ""}`,
              ]),
              String(state.sprint),
              (key) => {
                state.sprint = Number(key);
                drawBurndown();
              },
            ),
          ]
        : []),
    );
  drawBurndown();
}
function drawBurndown() {
  const found = burndown.find((row) => row.sprint === state.sprint);
  const days = found
    ? found.days.map((day, position) => ({
        day: `${day}T00:00:00`,
        Remaining: found.remaining[position],
        Ideal: found.ideal[position],
        Scope: found.scope[position],
        remaining_items: found.items[position],
        added: found.added[position],
        removed: found.removed[position],
      }))
    : [];
  chart(
    "burndown",
    { days },
    [
      ["Day", (row) => longDay(row.day)],
      ["Remaining", (row) => number(row.Remaining, 1), true],
      ["Items", (row) => row.remaining_items, true],
      ["Ideal", (row) => (row.Ideal === null ? "–" : number(row.Ideal, 1)), true],
      ["Scope", (row) => number(row.Scope, 1), true],
    ],
    days,
    "No sprint has been started in this scope yet.",
  );
}
