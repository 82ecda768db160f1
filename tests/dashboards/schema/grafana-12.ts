/** Grafana 12.0.0: its package has the types of each panel. */
import type * as common from "@grafana/schema";
import type * as barchart from "@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen.d.ts";
import type * as bargauge from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts";
import type * as gauge from "@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen.d.ts";
import type * as geomap from "@grafana/schema/dist/esm/raw/composable/geomap/panelcfg/x/GeomapPanelCfg_types.gen.d.ts";
import type * as histogram from "@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen.d.ts";
import type * as pie from "@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen.d.ts";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type * as states from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type * as text from "@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen.d.ts";
import type * as time from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";
import type { Loose, Target, Transformation } from "./loose";

export interface Panels {
  stat: { options: Loose<stat.Options>; custom: {} };
  gauge: { options: Loose<gauge.Options>; custom: {} };
  bargauge: { options: Loose<bargauge.Options>; custom: {} };
  timeseries: { options: Loose<time.Options>; custom: Loose<time.FieldConfig> };
  table: { options: Loose<table.Options>; custom: Loose<table.FieldConfig> };
  "state-timeline": { options: Loose<states.Options>; custom: Loose<states.FieldConfig> };
  barchart: { options: Loose<barchart.Options>; custom: Loose<barchart.FieldConfig> };
  histogram: { options: Loose<histogram.Options>; custom: Loose<histogram.FieldConfig> };
  piechart: { options: Loose<pie.Options>; custom: Loose<pie.FieldConfig> };
  geomap: { options: Loose<geomap.Options>; custom: Loose<common.HideableFieldConfig> };
  text: { options: Loose<text.Options>; custom: {} };
}

export type Frame = Loose<Omit<common.Panel, "options" | "fieldConfig" | "targets" | "transformations">> & {
  id: number; type: keyof Panels; title: string; gridPos: common.GridPos;
  targets?: Target[]; transformations?: Transformation[];
};
export type Row = Loose<Omit<common.RowPanel, "panels">> & { id: number; type: "row"; collapsed: boolean };
export type Field = Loose<Omit<common.FieldConfig, "custom">>;
/** `style`: 9.4 wants it, 12 does not read it. */
export type Board = Loose<Omit<common.Dashboard, "panels" | "templating" | "annotations">> & {
  uid: string; title: string; schemaVersion: number; style?: "dark" | "light";
};
/** `definition`: what 12 still reads of a query variable, beside its model. */
export type Variable = Loose<common.VariableModel> & { name: string; type: common.VariableType; definition?: string };
export type Annotation = Loose<Omit<common.AnnotationQuery, "target">> & {
  target?: object; query?: string; rawQuery?: boolean; fromAnnotations?: boolean; textColumn?: string;
  textEditor?: boolean; tagsColumn?: string; timeEndColumn?: string; titleColumn?: string;
};
