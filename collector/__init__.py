"""The collector: stores, judges, tells and shows what agents measured."""
