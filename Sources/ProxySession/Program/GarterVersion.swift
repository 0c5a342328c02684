/// The version of the programs and libraries: here and in CHANGELOG.md, nowhere else.
public enum GarterVersion {
  public static let text = "0.1.0"
}
