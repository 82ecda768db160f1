/**
 * A type as its JSON is written: members may be left out (Grafana fills its defaults in), enumerations are their
 * values. What is there must be known and of the right type.
 */
export type Loose<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Member>
      ? Array<Loose<Member>>
      : T extends object
        ? { [Name in keyof T]?: Loose<T[Name]> }
        : T;

/** What a panel's query holds for InfluxQL; neither package has a type for it. */
export type Target = {
  refId: string;
  datasource: { type: string; uid: string };
  query: string;
  rawQuery: true;
  resultFormat: "table" | "time_series";
  alias?: string;
  hide?: boolean;
};

/** The transformations that Grafana 9.4 has, by their ids. */
export type Transformation = {
  id:
    | "calculateField" | "concatenate" | "configFromData" | "convertFieldType" | "extractFields" | "fieldLookup"
    | "filterByRefId" | "filterByValue" | "filterFieldsByName" | "groupBy" | "groupingToMatrix" | "histogram"
    | "joinByField" | "joinByLabels" | "labelsToFields" | "limit" | "merge" | "organize" | "partitionByValues"
    | "prepareTimeSeries" | "reduce" | "renameByRegex" | "rowsToFields" | "seriesToRows" | "sortBy" | "spatial";
  options: object;
  disabled?: boolean;
  filter?: object;
};
