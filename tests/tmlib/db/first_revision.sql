UPDATE id_counters SET next_value = 14;
INSERT INTO users VALUES (2, 'mara', 'mara@lab.example', '-', false, true, 0, '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO experiments VALUES (3, 'Färbung 3', '', 2, 'cellvoyager', 'canonical', 96, 'basic', 500,
    0.65, 0, 0, 400, 600, 4, '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO plates VALUES (1, 3, 'P1', '', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO wells VALUES (1, 3, 1, 'B03', '{"dose": 0.5}', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO sites VALUES (4, 3, 1, 0, 1, 0, 400, 600, false, 0, 0, 0, 0);
INSERT INTO mapobject_types VALUES (1, 3, 'Plates', 'Plate', true);
INSERT INTO mapobject_types VALUES (2, 3, 'Cells', 'Site', false);
INSERT INTO segmentation_layers VALUES (1, 3, 1, NULL, NULL, 0, 0);
INSERT INTO segmentation_layers VALUES (2, 3, 2, 0, 0, 2, 1);
INSERT INTO mapobjects VALUES (3, 10, 1, 1);
INSERT INTO mapobjects VALUES (3, 11, 2, 4);
INSERT INTO mapobjects VALUES (3, 12, 2, 4);
INSERT INTO submissions VALUES (7, 3, 2, 'workflow', '{"type": "canonical", "stages": []}', '2024-05-17 12:30:00.000000',
    '2024-05-17 12:30:00.000000');
INSERT INTO tasks VALUES (1, 7, NULL, 'workflow', 'Workflow', 'Färbung 3', 0, 'TERMINATED', 0, 0, 0, 0,
    '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO tasks VALUES (2, 7, 1, 'stage', 'SequentialWorkflowStage', 'image_analysis', 0,
    'TERMINATED', 0, 0, 0, 0, '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO tasks VALUES (3, 7, 2, 'step', 'WorkflowStep', 'jterator', 0, 'TERMINATED', 0, 0, 0, 0,
    '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO tasks VALUES (4, 7, 3, 'phase', 'SingleRunPhase', 'jterator_run', 1, 'TERMINATED', 0, 1, 1, 0,
    '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000');
INSERT INTO jobs VALUES (9, 7, 4, 3, 'jterator', 'run', 1, 'jterator_run_000001', '{}', 'TERMINATED',
    2, 'host:12', 'host', NULL, '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', '2024-05-17 12:30:00.000000', 0, NULL, 1.5, 1.25, 300, 'one', 'two')
