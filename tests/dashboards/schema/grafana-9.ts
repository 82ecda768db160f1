/**
 * Grafana 9.4.17. Its package has the parts that panels are made of, but not yet which panel takes which: those lines
 * are ours, from its panels' own documentation. The same for what variables hold beside the model.
 */
import type * as common from "schema-9";
import type { Loose, Target, Transformation } from "./loose";

type Legend = common.OptionsWithLegend;
type Tooltip = common.OptionsWithTooltip;
type Bars = { fillOpacity?: number; lineWidth?: number; gradientMode?: common.GraphGradientMode };

type Geomap = {
  view: {
    allLayers?: boolean; id: string; lastOnly?: boolean; lat?: number; layer?: string; lon?: number; maxZoom?: number;
    minZoom?: number; padding?: number; shared?: boolean; zoom?: number;
  };
  controls: {
    mouseWheelZoom?: boolean; showAttribution?: boolean; showDebug?: boolean; showMeasure?: boolean;
    showScale?: boolean; showZoom?: boolean;
  };
  basemap: common.MapLayerOptions;
  layers: common.MapLayerOptions[];
  tooltip: { mode: "none" | "details" };
};

export interface Panels {
  stat: {
    options: Loose<common.SingleStatBaseOptions> & Loose<{
      colorMode: common.BigValueColorMode; graphMode: common.BigValueGraphMode;
      justifyMode: common.BigValueJustifyMode; textMode: common.BigValueTextMode;
    }>;
    custom: {};
  };
  gauge: {
    options: Loose<common.SingleStatBaseOptions & { showThresholdLabels: boolean; showThresholdMarkers: boolean }>;
    custom: {};
  };
  bargauge: {
    options: Loose<common.SingleStatBaseOptions & {
      displayMode: common.BarGaugeDisplayMode; showUnfilled: boolean; minVizHeight: number; minVizWidth: number;
    }>;
    custom: {};
  };
  timeseries: { options: Loose<Legend & Tooltip & common.OptionsWithTimezones>; custom: Loose<common.GraphFieldConfig> };
  table: {
    options: Loose<{
      frameIndex: number; showHeader: boolean; showTypeIcons: boolean; sortBy: common.TableSortByFieldState[];
      footer: {
        show: boolean; reducer: string[]; fields: string | string[]; countRows: boolean; enablePagination: boolean;
      };
    }>;
    custom: Loose<common.TableFieldOptions>;
  };
  "state-timeline": {
    options: Loose<Legend & Tooltip & common.OptionsWithTimezones & {
      alignValue: common.TimelineValueAlignment; mergeValues: boolean; rowHeight: number;
      showValue: common.VisibilityMode;
    }>;
    custom: Loose<Bars & common.HideableFieldConfig & { spanNulls: boolean | number }>;
  };
  barchart: {
    options: Loose<Legend & Tooltip & common.OptionsWithTextFormatting & {
      barRadius: number; barWidth: number; colorByField: string; fullHighlight: boolean; groupWidth: number;
      orientation: common.VizOrientation; showValue: common.VisibilityMode; stacking: common.StackingMode;
      xField: string; xTickLabelMaxLength: number; xTickLabelRotation: number; xTickLabelSpacing: number;
    }>;
    custom: Loose<Bars & common.AxisConfig & common.HideableFieldConfig & {
      thresholdsStyle: common.GraphThresholdsStyleConfig;
    }>;
  };
  histogram: {
    options: Loose<Legend & Tooltip & { bucketOffset: number; bucketSize: number; combine: boolean }>;
    custom: Loose<Bars & common.AxisConfig & common.HideableFieldConfig>;
  };
  piechart: {
    options: Loose<common.SingleStatBaseOptions & Tooltip & Legend & {
      pieType: "pie" | "donut"; displayLabels: Array<"name" | "value" | "percent">;
    }>;
    custom: Loose<common.HideableFieldConfig>;
  };
  geomap: { options: Loose<Geomap>; custom: Loose<common.HideableFieldConfig> };
  text: {
    options: Loose<{
      content: string; mode: "markdown" | "html" | "code";
      code: { language: string; showLineNumbers: boolean; showMiniMap: boolean };
    }>;
    custom: {};
  };
}

export type Frame = Loose<Omit<common.Panel, "options" | "fieldConfig" | "targets" | "transformations">> & {
  id: number; type: keyof Panels; title: string; gridPos: common.GridPos; description?: string;
  targets?: Target[]; transformations?: Transformation[];
};
export type Row = Loose<Omit<common.RowPanel, "panels">> & { id: number; type: "row"; collapsed: boolean };
/** The first step's value is -Infinity, which JSON writes as null: the package's own remark says so, its type does not. */
export type Field = Loose<Omit<common.FieldConfig, "custom" | "thresholds">> & {
  thresholds?: { mode: `${common.ThresholdsMode}`; steps: Array<{ color: string; value: number | null }> };
};
export type Board = Loose<Omit<common.Dashboard, "panels" | "templating" | "annotations">> & {
  uid: string; title: string; schemaVersion: number;
};
type Option = { text: string | string[]; value: string | string[]; selected?: boolean };
export type Variable = Loose<common.VariableModel> & {
  name: string; type: common.VariableType; definition?: string; regex?: string; refresh?: 0 | 1 | 2;
  sort?: 0 | 1 | 2 | 3 | 4 | 5 | 6; multi?: boolean; includeAll?: boolean; allValue?: string | null; current?: Option | {};
  options?: Option[]; auto?: boolean; auto_count?: number; auto_min?: string;
};
export type Annotation = Loose<Omit<common.AnnotationQuery, "builtIn" | "target">> & {
  builtIn?: 0 | 1; target?: object; query?: string; rawQuery?: boolean; fromAnnotations?: boolean; textColumn?: string;
  textEditor?: boolean; tagsColumn?: string; timeEndColumn?: string; titleColumn?: string;
};
