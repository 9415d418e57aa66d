"""Who may what: one line for each address."""

# x: let in, whatever then comes of an empty form or of a row that is not there. -: 403. Nobody who is not logged in is
# let in anywhere here: they are sent to the login.
CONSOLE = """
                           analyst lead manager auditor none
GET  home                  x       x    x       x       x
POST home                  x       x    x       x       x
GET  queue                 x       x    x       x       -
POST add_view              x       x    x       x       -
POST change_view           x       x    x       x       -
POST delete_view           x       x    x       x       -
POST choose_default        x       x    x       x       -
GET  selected              x       x    -       -       -
POST decide_selected       x       x    -       -       -
POST next_case             x       x    -       -       -
GET  live                  x       x    x       x       -
GET  search                x       x    x       x       -
POST export_payments       -       x    x       x       -
GET  api_docs              x       x    x       x       x
GET  dashboard             -       x    x       x       -
GET  case_detail           x       x    x       x       -
POST claim                 x       x    -       -       -
POST release               x       x    -       -       -
POST look                  x       x    x       x       -
POST skip                  x       x    -       -       -
POST escalate              x       x    -       -       -
POST move                  -       x    -       -       -
POST verdict               x       x    -       -       -
POST approve               -       x    -       -       -
POST refuse                -       x    -       -       -
POST reopen                x       x    -       -       -
GET  approvals             -       x    -       -       -
POST undo                  x       x    -       -       -
POST add_note              x       x    -       -       -
GET  case_graph            x       x    x       x       -
GET  case_places           x       x    x       x       -
GET  card_timeline         x       x    x       x       -
GET  shared_payments       x       x    x       x       -
GET  reason_numbers        x       x    x       x       -
GET  snooze                x       x    -       -       -
POST snooze                x       x    -       -       -
POST wake                  x       x    -       -       -
GET  tags                  x       x    -       -       -
POST tags                  x       x    -       -       -
POST remove_tag            x       x    -       -       -
GET  files                 x       x    x       x       -
POST files                 x       x    -       -       -
GET  download_file         x       x    x       x       -
POST remove_file           x       x    -       -       -
GET  case_history          x       x    x       x       -
GET  print_case            x       x    x       x       -
GET  suggested_tags        x       x    -       -       -
POST mark_known            -       x    x       -       -
POST unmark_known          -       x    x       -       -
GET  quality               -       x    x       x       -
GET  own_quality           x       x    -       -       -
GET  audit                 -       x    x       x       -
POST audit                 -       x    x       -       -
GET  review_settings       -       x    x       -       -
POST review_settings       -       x    x       -       -
POST settle                -       x    x       -       -
GET  policy_thresholds     -       x    x       x       -
POST draft_thresholds      -       -    x       -       -
GET  entity                x       x    x       x       -
POST list_from_case        -       -    x       -       -
POST snooze_rule           -       -    x       -       -
POST add_to_list           -       -    x       -       -
POST remove_from_list      -       -    x       -       -
GET  policy_versions       -       x    x       x       -
GET  policy_version        -       x    x       x       -
POST policy_step           -       -    x       -       -
GET  policy_rules          -       x    x       x       -
GET  policy_rule           -       x    x       x       -
POST acknowledge_alarm     -       -    x       -       -
GET  policy_backtests      -       x    x       x       -
POST policy_backtests      -       -    x       -       -
GET  policy_backtest       -       x    x       x       -
GET  backtest_state        -       x    x       x       -
POST cancel_backtest       -       -    x       -       -
GET  models_drift          -       x    x       x       -
POST measure_drift         -       -    x       -       -
POST acknowledge_drift     -       -    x       -       -
GET  models                -       x    x       x       -
GET  model_detail          -       x    x       x       -
POST model_step            -       -    x       -       -
GET  experiments           -       x    x       x       -
POST experiments           -       -    x       -       -
POST plan_experiment       -       -    x       -       -
GET  experiment            -       x    x       x       -
POST end_experiment        -       -    x       -       -
GET  model_trainings       -       x    x       x       -
POST model_trainings       -       -    x       -       -
GET  model_training        -       x    x       x       -
GET  training_state        -       x    x       x       -
POST cancel_training       -       -    x       -       -
GET  model_card            -       x    x       x       -
"""
# Of each table of the admin: l list, a add, c change, d delete.
ADMIN = """
                           analyst lead manager auditor none
auth_group                 -       -    -       -       -
auth_user                  -       -    -       -       -
scoring_apikey             -       -    lac     l       -
scoring_listentry          -       -    lacd    l       -
scoring_listchange         -       -    l       l       -
scoring_policy             -       -    lac     l       -
scoring_rule               -       -    l       l       -
scoring_namedlist          -       -    lacd    l       -
scoring_listimport         -       -    l       l       -
scoring_backtest           -       -    l       l       -
scoring_experiment         -       -    l       l       -
scoring_experimentlook     -       -    l       l       -
scoring_decision           -       -    l       l       -
scoring_label              -       -    l       l       -
scoring_modelversion       -       -    l       l       -
scoring_driftsettings      -       -    lc      l       -
scoring_driftreport        -       -    l       l       -
scoring_driftalarm         -       -    l       l       -
scoring_retrainingsettings -       -    lc      l       -
scoring_retraining         -       -    l       l       -
scoring_modelcomparison    -       -    l       l       -
scoring_modelevent         -       -    l       l       -
scoring_trainingrun        -       -    l       l       -
scoring_webhookendpoint    -       -    lac     l       -
scoring_webhookdelivery    -       -    l       l       -
cases_check                -       -    l       l       -
cases_firstverdict         -       -    l       l       -
cases_knowncase            -       -    l       l       -
cases_reviewsettings       -       -    l       l       -
cases_reviewer             -       -    l       l       -
cases_queue                -       -    lacd    l       -
cases_verdict              -       -    l       l       -
cases_approvallimit        -       -    lacd    l       -
cases_case                 -       -    l       l       -
cases_caseevent            -       -    l       l       -
cases_handling             -       -    l       l       -
cases_paymentexport        -       -    l       l       -
cases_attachment           -       -    l       l       -
streams_streamprogress     -       -    l       l       -
streams_streamworker       -       -    l       l       -
streams_waitinglabel       -       -    l       l       -
streams_deadletter         -       -    l       l       -
"""
ADMIN_PAGES = """
                           analyst lead manager auditor none
GET  index                 -       -    x       x       -
GET  app_list              -       -    x       x       -
GET  password_change       -       -    x       x       -
GET  password_change_done  -       -    x       x       -
GET  jsi18n                -       -    x       x       -
GET  view_on_site          -       -    x       x       -
GET  autocomplete          -       -    -       -       -
GET  scoring_apikey_rotate -       -    x       -       -
POST scoring_apikey_rotate -       -    x       -       -
GET  scoring_apikey_revoke -       -    x       -       -
POST scoring_apikey_revoke -       -    x       -       -
POST scoring_rule_check    -       -    x       -       -
GET  scoring_namedlist_import - - x - -
POST scoring_namedlist_import - - x - -
GET  scoring_namedlist_export - - x x -
GET  auth_user_password_change - - - - -
"""
# The scope that a key needs; any other gets 403, none gets 401, and so does who is signed in to the console.
API = """
POST decisions             decide
POST batch                 decide
GET  decision              read
GET  labels_of             read
POST reproduce             read
GET  explanation           read
POST labels                label
GET  api_cases             cases
POST api_next_case         cases
GET  api_case              cases
GET  api_case_history      cases
POST api_case_claim        cases
POST api_case_release      cases
POST api_case_skip         cases
POST api_case_escalate     cases
POST api_case_move         cases
POST api_case_snooze       cases
POST api_case_wake         cases
POST api_case_notes        cases
POST api_case_tags         cases
POST api_case_reopen       cases
POST api_case_verdict      cases
POST api_case_undo         cases
POST api_case_approve      cases
POST api_case_refuse       cases
GET  metrics               metrics
GET  schema                any
"""
OPEN = {"login", "logout", "healthz", "readyz", "admin:login", "admin:logout"}
