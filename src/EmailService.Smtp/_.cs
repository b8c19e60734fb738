namespace EmailService.Smtp;
