{# The rules of data hygiene, in the order in which they are listed. dim_hygiene_rule shows them, fct_hygiene_finding
   applies them. severity: high distorts a KPI, medium may, low is untidy. #}
{% macro hygiene_rules() %}
    {{-
        return(
            [
                {
                    "rule_id": "history_incomplete",
                    "name": "History incomplete",
                    "severity": "high",
                    "subject_type": "item",
                    "description": "The recorded changes of status, sprint, estimate or project do not lead to today's value, or changes are missing. Durations and sprint figures of the item may be wrong; it lowers the trust of every value it is part of.",
                    "remedy": "Read the item again (pmo run --full). If it stays, the tool itself has lost changes, mostly by an import: nothing to do but to know it.",
                },
                {
                    "rule_id": "status_unmapped",
                    "name": "Status unmapped",
                    "severity": "high",
                    "subject_type": "status",
                    "description": "Neither the tool's category nor the seed stage_mapping says to which stage the status belongs. Its items count as todo.",
                    "remedy": "Add a line for the status to the seed stage_mapping.",
                },
                {
                    "rule_id": "sprint_without_dates",
                    "name": "Sprint without dates",
                    "severity": "high",
                    "subject_type": "sprint",
                    "description": "The sprint has no start or end, or its close does not lie after its start. It has no measures at all.",
                    "remedy": "Give the sprint its dates in the tool; of a Jira sprint an administrator of the board can still edit them.",
                },
                {
                    "rule_id": "bulk_migration",
                    "name": "Bulk workflow migration suspected",
                    "severity": "high",
                    "subject_type": "status",
                    "description": "Within ten minutes 20 items or more of a project went from one status to another and left at most a tenth behind: more likely a change of the workflow than work. Stays in a status begin and end there for no other reason.",
                    "remedy": "Map both statuses to the same stage in the seed stage_mapping; then cycle times do not notice.",
                },
                {
                    "rule_id": "two_open_sprints",
                    "name": "In two open sprints",
                    "severity": "high",
                    "subject_type": "item",
                    "description": "The item is in two or more sprints that are active or still to come. Each sprint counts it, so commitment and scope count it twice.",
                    "remedy": "Leave it in the sprint in which it is to be done.",
                },
                {
                    "rule_id": "estimate_changed_after_done",
                    "name": "Estimate changed after done",
                    "severity": "high",
                    "subject_type": "item",
                    "description": "The estimate was changed while the item was done. Tools that count today's estimate report a different velocity from then on; here each sprint keeps the estimate of its own time.",
                    "remedy": "Leave estimates alone once an item is done; talk about it in the retrospective instead.",
                },
                {
                    "rule_id": "done_without_start",
                    "name": "Done without start",
                    "severity": "medium",
                    "subject_type": "item",
                    "description": "The item is done but was never in progress. It has no cycle time, so percentiles are of the other items alone.",
                    "remedy": "Move items into progress when work begins. If work begins in a status that counts as todo, map that status to in_progress in the seed stage_mapping.",
                },
                {
                    "rule_id": "changed_after_done",
                    "name": "Changed after done",
                    "severity": "medium",
                    "subject_type": "item",
                    "description": "Sprint, project, type or parent was changed while the item was done. Reports of the tool that look at today's values move the item between sprints or teams.",
                    "remedy": "Correct such things before an item is done; afterwards open a new item.",
                },
                {
                    "rule_id": "parent_done_children_open",
                    "name": "Parent done, children open",
                    "severity": "medium",
                    "subject_type": "item",
                    "description": "The item is done or cancelled while items below it are open.",
                    "remedy": "Close or cancel the children, give them another parent, or open the parent again.",
                },
                {
                    "rule_id": "no_estimate",
                    "name": "No estimate",
                    "severity": "medium",
                    "subject_type": "item",
                    "description": "The item is in progress or in an active sprint without an estimate, although its team estimates at least half of its items of this kind. It counts 0 points in velocity and burndown.",
                    "remedy": "Estimate it, or agree that items of this type are not estimated.",
                },
                {
                    "rule_id": "stale_in_progress",
                    "name": "Stale in progress",
                    "severity": "medium",
                    "subject_type": "item",
                    "description": "The item is in progress or waiting, and nothing about it has changed for longer than 85 % of the delivered items of its team took from start to end (at least five days; teams with ten delivered items or more).",
                    "remedy": "Finish it, put it back, or flag what blocks it.",
                },
                {
                    "rule_id": "sprint_overdue",
                    "name": "Sprint overdue",
                    "severity": "medium",
                    "subject_type": "sprint",
                    "description": "The sprint is still active more than a day after its planned end. What is finished late counts for it.",
                    "remedy": "Close the sprint, or change its end if the team agreed on it.",
                },
                {
                    "rule_id": "left_in_closed_sprint",
                    "name": "Left in a closed sprint",
                    "severity": "low",
                    "subject_type": "item",
                    "description": "The item is open, and every sprint that it is in is closed: nobody has planned it again.",
                    "remedy": "Put it into a coming sprint or back into the backlog.",
                },
                {
                    "rule_id": "in_progress_unassigned",
                    "name": "In progress without assignee",
                    "severity": "low",
                    "subject_type": "item",
                    "description": "The item is in progress, and it is nobody's.",
                    "remedy": "Assign it to the person who works on it, or put it back.",
                },
            ]
        )
    -}}
{% endmacro %}

{# A number as people write it: 3, 0.5. #}
{% macro plain_number(number) -%} regexp_replace(cast({{ number }} as varchar), '[.]0$', '') {%- endmacro %}

{# A whole number with its noun: 1 day, 2 days. #}
{% macro counted(number, one, many) -%}
    ({{ number }} || case when {{ number }} = 1 then ' {{ one }}' else ' {{ many }}' end)
{%- endmacro %}
