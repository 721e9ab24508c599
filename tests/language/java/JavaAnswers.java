import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What Java answers to patterns: one question a line (fields in hexadecimal UTF-8), one answer a line.
 *
 * regex PATTERN TEXT; read PATTERN TEXT; write PATTERN LOCAL ZONE
 */
public final class JavaAnswers {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] fields = line.split(" ", -1);
            String[] given = new String[fields.length - 1];
            for (int at = 0; at < given.length; at++) {
                byte[] bytes = HexFormat.of().parseHex(fields[at + 1]);
                given[at] = new String(bytes, StandardCharsets.UTF_8);
            }
            out.println(answer(fields[0], given));
        }
    }

    private static String answer(String kind, String[] given) {
        switch (kind) {
            case "regex":
                return regex(given[0], given[1]);
            case "read":
                return text(read(given[0], given[1]));
            default:
                return write(given[0], given[1], given[2]);
        }
    }

    private static String regex(String source, String text) {
        Pattern pattern;
        try {
            pattern = Pattern.compile(source);
        } catch (IllegalArgumentException refused) {
            return text("syntax");
        }
        boolean matches = pattern.matcher(text).matches();
        Matcher matcher = pattern.matcher(text);
        String found = "null";
        if (matcher.find()) {
            List<String> groups = new ArrayList<>();
            for (int group = 0; group <= matcher.groupCount(); group++) {
                groups.add(text(matcher.group(group)));
            }
            found = groups.toString();
        }
        List<String> pieces = new ArrayList<>();
        for (String piece : pattern.split(text)) {
            pieces.add(text(piece));
        }
        String replaced = text(pattern.matcher(text).replaceAll("-"));
        return "[" + matches + ", " + found + ", " + pieces + ", " + replaced + "]";
    }

    private static String read(String pattern, String text) {
        DateTimeFormatter formatter;
        try {
            formatter = DateTimeFormatter.ofPattern(pattern, Locale.US);
        } catch (IllegalArgumentException refused) {
            return "pattern";
        }
        TemporalAccessor parsed;
        try {
            parsed = formatter.parse(text);
        } catch (DateTimeParseException refused) {
            return "unread";
        }
        try {
            return iso(ZonedDateTime.from(parsed));
        } catch (DateTimeException zoneless) {
            try {
                return iso(LocalDateTime.from(parsed).atZone(ZoneOffset.UTC));
            } catch (DateTimeException timeless) {
                try {
                    return iso(LocalDate.from(parsed).atStartOfDay(ZoneOffset.UTC));
                } catch (DateTimeException incomplete) {
                    return "unresolved";
                }
            }
        }
    }

    private static String write(String pattern, String local, String zone) {
        ZonedDateTime moment = ZonedDateTime.of(LocalDateTime.parse(local), ZoneId.of(zone));
        String written;
        try {
            written = DateTimeFormatter.ofPattern(pattern, Locale.US).format(moment);
        } catch (IllegalArgumentException refused) {
            written = null;
        }
        return "[" + text(iso(moment)) + ", " + text(written) + "]";
    }

    private static String iso(ZonedDateTime moment) {
        return DateTimeFormatter.ISO_ZONED_DATE_TIME.format(moment);
    }

    private static String text(String value) {
        if (value == null) {
            return "null";
        }
        StringBuilder written = new StringBuilder("\"");
        for (char unit : value.toCharArray()) {
            written.append(String.format("\\u%04x", (int) unit));
        }
        return written.append('"').toString();
    }
}
